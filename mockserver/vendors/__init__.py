"""The simulated vendors: one folder each, found by entry point, never importing one another."""
