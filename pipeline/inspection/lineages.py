"""Datasets under different names that share images: their error budgets are apart, so promises add up."""

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from pipeline.contracts import Roles
from pipeline.data import digests
from pipeline.data.roles import BENCHMARK
from pipeline.errors import StoreError
from pipeline.store import role_records
from pipeline.store.home import Home


def sharing(home: Home, dataset: str, roles: Roles) -> dict[str, int]:
    """Return how many benchmark images of a dataset every other dataset of the home knows, by its name.

    A dataset whose own record is damaged is left out: ``doctor`` names it.
    """
    benchmark = roles.digests[roles.roles == BENCHMARK]
    found = {}
    for name in role_records.names(home):
        with suppress(StoreError):
            other = role_records.load(home, name) if name != dataset else None
            found[name] = int(np.sum(digests.positions(benchmark, other.digests) >= 0)) if other else 0
    return {name: shared for name, shared in found.items() if shared}


def in_words(home: Home, dataset: str, roles: Roles) -> Iterator[str]:
    """Yield a sentence for every other name under which benchmark images of this dataset are known."""
    for name, shared in sharing(home, dataset, roles).items():
        yield sentence(dataset, name, shared)


def sentence(dataset: str, other: str, shared: int) -> str:
    """Return a sentence on benchmark images that another dataset shares."""
    return (
        f"{shared:,} benchmark images of '{dataset}' also belong to the dataset '{other}'. Each name has its own "
        "error budget, so the gate's promise holds for each, not for both together: give them the same --name "
        "to share a budget."
    )
