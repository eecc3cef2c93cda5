"""The event log: what happened, in order, told to whoever listens."""
