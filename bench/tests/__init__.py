"""Tests of the parts of the benchmark that compute."""
