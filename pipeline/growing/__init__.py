"""How a dataset grows: what arrives is prepared, checked and stored as a new snapshot."""
