"""A disk that fails once, or for good, at its N-th call; and a process that dies there."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from pipeline.store import disk

Kind = Literal["crash", "torn", "full", "error"]
KINDS: tuple[Kind, ...] = ("crash", "torn", "full", "error")
CHANGES = ("create", "open_to_append", "write", "truncate", "rename", "unlink", "make_folder", "remove_tree")
TEARABLE = ("write", "remove_tree")
NEED_SPACE = ("create", "write", "make_folder", "sync")
CALLS: dict[Kind, tuple[str, ...]] = {
    # What is on disk before a sync is the same as before the call after it, as long as the machine itself runs on.
    "crash": CHANGES,
    "torn": TEARABLE,
    "full": NEED_SPACE,
    "error": (*CHANGES, "sync", "open_to_read"),
}
REAL: dict[str, Callable[..., Any]] = {name: getattr(disk, name) for name in CALLS["error"]}


class Crash(BaseException):
    """The process is dead: no handler of ``Exception`` runs, and every later call to the disk raises it again."""


class FaultyDisk:
    """Stands in for ``pipeline.store.disk``; makes no call durable, since the machine survives.

    Attributes:
        calls: The names of the calls that count for this kind of fault, in order.
    """

    def __init__(self, patch: pytest.MonkeyPatch, kind: Kind = "error", at: int | None = None) -> None:
        self.calls: list[str] = []
        self._kind, self._at, self._dead = kind, at, False
        for name in REAL:
            patch.setattr(disk, name, self._counted(name))

    def _counted(self, name: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            if self._dead:
                raise Crash
            if name in CALLS[self._kind]:
                self.calls.append(name)
                if self._at is not None and len(self.calls) >= self._at:
                    self._fail(name, args)
            return None if name == "sync" else REAL[name](*args)

        return call

    def _fail(self, name: str, args: tuple[Any, ...]) -> None:
        first = len(self.calls) == self._at
        if self._kind == "full":
            if first and name == "write":
                os.write(args[0], half(args[1]))
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self._kind == "error":
            if first:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return
        if self._kind == "torn":
            tear(name, args)
        self._dead = True
        raise Crash


def half(content: memoryview) -> memoryview:
    return content[: len(content) // 2]


def tear(name: str, args: tuple[Any, ...]) -> None:
    """Do half of what was asked."""
    if name == "write":
        os.write(args[0], half(args[1]))
        return
    files = sorted(path for path in Path(args[0]).rglob("*") if path.is_file())
    for path in files[: len(files) // 2 + 1]:
        path.unlink()


def copy_home(source: Path, target: Path) -> Path:
    """Copy a home; files that are only ever replaced are linked."""

    def copy(old: str, new: str) -> None:
        if old.endswith((".jsonl", ".csv")):
            shutil.copyfile(old, new)
        else:
            os.link(old, new)

    shutil.copytree(source, target, copy_function=copy)
    return target
