"""The typed facts that files of the store hold; ``pipeline.store`` reads and writes them."""
