"""`make bench`: what the platform costs, against the least it could cost. Never part of tests."""
