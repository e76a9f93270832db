"""Outside services; the only importers of their clients."""
