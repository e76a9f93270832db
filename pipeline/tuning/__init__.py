"""What ``tune`` does: search the parameters of a recipe, judged on validation images alone."""
