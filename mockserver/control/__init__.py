"""The simulator's own routes below `/_mock`: worlds, clocks, credits, the journal. Knows no vendor by name."""
