"""The store: versions, production and results on disk, and how they get there safely."""
