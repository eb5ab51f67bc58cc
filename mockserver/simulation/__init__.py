"""Scenario files: what a world starts from."""
