"""Data: sources of images, their validation, and the role of each image."""
