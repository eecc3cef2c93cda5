"""Chains of agents."""
