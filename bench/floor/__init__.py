"""The bare parts of an execution, without the platform: what it would cost at least."""
