"""Commands about the whole system, and the children of local mode."""
