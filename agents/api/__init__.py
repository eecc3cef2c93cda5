"""REST of agents: the catalogue, and executions."""
