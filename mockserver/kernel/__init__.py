"""What every vendor shares: worlds, time, chance, money, storage. Knows no vendor and no HTTP."""
