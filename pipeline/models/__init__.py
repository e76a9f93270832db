"""Models: one protocol, one registry, one module per family."""
