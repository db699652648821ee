"""Measured cost of the solver: `python -m benchmarks --help`. Not installed with the packages."""
