"""Judging: metrics, the gate and its ledger. Pure: no file system, no TensorFlow."""
