"""How much memory a fit may still take."""

import contextlib
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
OWN_GROUP = Path("/proc/self/cgroup")
GROUPS = Path("/sys/fs/cgroup")


def available_memory() -> int | None:
    """Return the bytes that are free for this process on its machine and in its container; ``None`` where unknown.

    Linux only: ``MemAvailable``, and what the limit of each control group (version 2) above the process leaves, the
    page cache counted as free.
    """
    found: list[int] = []
    with contextlib.suppress(OSError, ValueError, IndexError, KeyError):
        found.append(1024 * int(_table(MEMINFO)["MemAvailable:"]))
    for group in _groups():
        with contextlib.suppress(OSError, ValueError, IndexError, KeyError):
            used = _table(group / "memory.stat")
            limit = int((group / "memory.max").read_text())
            found.append(max(0, limit - int((group / "memory.current").read_text()) + int(used["file"])))
    return min(found, default=None)


def _groups() -> list[Path]:
    """The control group of this process and those above it."""
    with contextlib.suppress(OSError):
        for line in OWN_GROUP.read_text().splitlines():
            if line.startswith("0::"):
                own = GROUPS / line.removeprefix("0::/")
                return [own, *(parent for parent in own.parents if parent.is_relative_to(GROUPS))]
    return []


def _table(file: Path) -> dict[str, str]:
    rows = (line.split() for line in file.read_text().splitlines())
    return {row[0]: row[1] for row in rows if len(row) > 1}
