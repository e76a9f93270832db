"""What `run` and `judge` have in common: cells one after the other, and versions that are judged again."""
