"""Recorded traffic: writing it down, playing it to any client, and comparing it with what the simulator answers."""
