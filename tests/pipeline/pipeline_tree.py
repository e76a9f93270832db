"""The files below a folder."""

from pathlib import Path


def tree(folder: Path) -> set[str]:
    """Every file, by its path relative to the folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
