"""A staged machine-learning pipeline for small images: train, judge, promote, predict.

The Python API, documented in ``pipeline.api``, needs no TensorFlow: ``load_champion``, ``load_version``,
``list_versions``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.api import list_versions, load_champion, load_version

__version__ = "0.1.0"
__all__ = ["list_versions", "load_champion", "load_version"]


def __getattr__(name: str) -> Any:
    """Import the API when it is first used: commands that need none of it start faster."""
    if name not in __all__:
        raise AttributeError(f"module 'pipeline' has no attribute '{name}'")
    from pipeline import api

    return getattr(api, name)
