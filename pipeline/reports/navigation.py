"""The header that every page has: the logo, and the way to the other pages, on disk or on a server."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

OVERVIEW = "Overview"
EXPLORATION = "Exploration"
INDEX = "index.html"
EXPLORATIONS = "eda"
"""The folder in ``metric_results/`` that has a folder for each explored dataset."""
BATCHES = "datasets"
"""The folder in ``metric_results/`` that has a folder for each dataset that grows."""
MOST_BATCHES = 5
"""Pages of batches that the overview links, of each dataset."""
_HEADER = re.compile(r"<!--pages-->.*?<!--/pages-->\n?", re.DOTALL)


@dataclass(frozen=True)
class Navigation:
    """Where a page's header leads.

    Attributes:
        home: The logo's address.
        pages: Addresses by title.
        current: The title of this page, if it is one of them.
    """

    home: str
    pages: Mapping[str, str] = field(default_factory=dict)
    current: str = ""


ALONE = Navigation(INDEX)
"""Of a page beside the overview, with no other page."""


def on_disk(page: Path, results: Path, dataset: str = "", current: str = "") -> Navigation:
    """Return the way from a page on disk to the overview, and to the exploration of its dataset if there is one.

    Args:
        page: The file of the page.
        results: ``metric_results/``.
        dataset: What the page is about; empty for several datasets.
        current: The title of the page, if it is one of these two.
    """
    explored = dataset if current == EXPLORATION else explored_of(results, dataset)
    places = {OVERVIEW: INDEX} | ({EXPLORATION: f"{EXPLORATIONS}/{explored}/{INDEX}"} if explored else {})
    there = {
        title: quote(os.path.relpath(results / place, page.parent).replace(os.sep, "/"))
        for title, place in places.items()
    }
    return Navigation(there[OVERVIEW], there, current)


def explorations(results: Path) -> dict[str, str]:
    """Return the address of each dataset's exploration, seen from ``metric_results/``, in the order of their names."""
    names = sorted(page.parent.name for page in results.glob(f"{EXPLORATIONS}/*/{INDEX}"))
    return {name: quote(f"{EXPLORATIONS}/{name}/{INDEX}") for name in names}


def batches(results: Path) -> dict[str, list[str]]:
    """Return the pages of each dataset's latest batches, newest first, seen from ``metric_results/``."""
    found: dict[str, list[str]] = {}
    # Their names sort by time.
    for page in sorted(results.glob(f"{BATCHES}/*/*.html"), key=lambda path: path.name, reverse=True):
        found.setdefault(page.parent.name, []).append(quote(page.relative_to(results).as_posix()))
    return {name: found[name][:MOST_BATCHES] for name in sorted(found)}


def explored_of(results: Path, dataset: str = "") -> str:
    """Return a dataset if it has an exploration; where none is named, the only one that has; else nothing."""
    explored = explorations(results)
    if dataset:
        return dataset if dataset in explored else ""
    return next(iter(explored)) if len(explored) == 1 else ""


def with_header(page: str, header: str) -> str:
    """Return a page that was written for the disk with the header of a server; older pages have none to replace."""
    return _HEADER.sub(lambda _: header, page, count=1)
