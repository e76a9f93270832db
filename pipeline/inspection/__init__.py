"""Looking at versions: evaluate, compare, the status of the gate, and what reports are built from."""
