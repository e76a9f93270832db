"""A file system of fsspec, ``counted://``, that is this machine's own and lists what is written and fetched."""

from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

LOG = "transfers.log"


class CountedFiles(LocalFileSystem):
    protocol = "counted"

    @classmethod
    def _strip_protocol(cls, path: Any) -> str:
        return super()._strip_protocol(str(path).removeprefix("counted://"))

    def unstrip_protocol(self, name: str) -> str:
        return f"counted://{self._strip_protocol(name)}"

    def get_file(self, rpath: str, lpath: str, **options: Any) -> None:
        _note("fetched", rpath)
        super().get_file(rpath, lpath, **options)

    def mv(self, path1: str, path2: str, **options: Any) -> None:
        _note("written", path2)
        super().mv(path1, path2, **options)


def register() -> None:
    """Make ``counted://`` known to this process."""
    fsspec.register_implementation("counted", CountedFiles, clobber=True)


def transfers(folder: Path, kind: str) -> list[str]:
    """The names of the files that were ``written`` to a folder, or ``fetched`` from it, in order."""
    log = folder / LOG
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return [name for what, name in lines if what == kind]


def _note(kind: str, path: str) -> None:
    file = Path(CountedFiles._strip_protocol(path))
    with (file.parent / LOG).open("a") as log:
        log.write(f"{kind} {file.name}\n")
