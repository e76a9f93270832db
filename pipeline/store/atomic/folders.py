"""Whole folders: made, published and removed in one step."""

import contextlib
import os
from pathlib import Path

from pipeline.errors import StoreError
from pipeline.store import disk
from pipeline.store.atomic.faults import disk_errors, reason
from pipeline.store.atomic.temporary_files import temporary_name


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents durably.

    Raises:
        OSError: The disk fails.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        disk.make_folder(folder)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder durable.

    Raises:
        OSError: The disk fails.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        disk.sync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make a folder and all that is in it durable.

    Raises:
        OSError: The disk fails.
    """
    for parent, _, names in os.walk(folder):
        for name in names:
            with (Path(parent) / name).open("rb") as file:
                disk.sync(file.fileno())
        sync_folder(Path(parent))


def publish_folder(staging: Path, final: Path) -> None:
    """Sync a finished folder and give it its final name in one step; an existing one is never overwritten.

    Raises:
        StoreError: The final name is taken, or the disk fails.
    """
    if final.exists():
        raise StoreError(f"{final} exists already and is never overwritten.")
    with disk_errors(final):
        make_folder(final.parent)
        sync_tree(staging)
        disk.rename(staging, final)
    confirm(final)
    confirm(staging)


def remove_tree(folder: Path) -> None:
    """Delete a folder; renamed first, so that it is never seen half deleted.

    What cannot be deleted after that is a leftover, which ``remove_temporaries`` deletes later.

    Raises:
        StoreError: The disk fails the first step; the folder is still there.
    """
    if not folder.exists():
        return
    doomed = temporary_name(folder)
    with disk_errors(folder):
        disk.rename(folder, doomed)
    with contextlib.suppress(OSError):
        disk.remove_tree(doomed)


def confirm(path: Path) -> None:
    """Make the new name of a path durable; readers see it already, so the sentence must not deny it.

    Raises:
        StoreError: The disk fails; the sentence says that the path was written.
    """
    try:
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"{path} was written, but the disk did not confirm it: {reason(error)}. "
            "Check the disk, then run the command again."
        ) from error
