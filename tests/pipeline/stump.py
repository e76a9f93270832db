"""A recipe that is right more often than by chance, and seldom otherwise."""

from typing import Any


def build(shape: Any, n_classes: int, *, leaf: int = 1) -> Any:
    """Return a tree with a single question, which tells two classes apart at most."""
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(max_depth=1, min_samples_leaf=leaf)
