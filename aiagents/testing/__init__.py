"""Test machinery of the platform: fakes, the clock, query counts, base test cases."""
