"""Data: where images come from, whether they can be trusted, and who may see which."""
