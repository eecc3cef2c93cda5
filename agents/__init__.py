"""Agents: the catalogue, its versions, and their executions."""
