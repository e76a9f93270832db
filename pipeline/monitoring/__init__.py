"""What production sees: drift with a bounded false-alarm probability, and accuracy that may be read at any time."""
