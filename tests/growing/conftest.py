"""What an ingest of small pictures needs."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_pictures import NAME, Ingest, write_pictures

from pipeline.data import sources
from pipeline.growing.arrivals import Desk
from pipeline.growing.batch import Batch
from pipeline.growing.declaring import Wishes
from pipeline.growing.ingest import Order, ingest
from pipeline.store.home import Home


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Ten bars and ten rings."""
    return write_pictures(tmp_path / "arrived", range(10))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(
        scratch=tmp_path,
        read_named=lambda spec: sources.read(spec, download=False),
        download=lambda repo_id, folder: None,
        notify=lambda sentence: None,
    )


@pytest.fixture
def take_in(home: Home, ingest_into: Callable[..., Batch]) -> Ingest:
    """Ingest into ``shapes`` of the test's home."""
    return functools.partial(ingest_into, home)


@pytest.fixture
def ingest_into(desk: Desk) -> Callable[..., Batch]:
    """Ingest into ``shapes`` of a home, 12 x 12 grey, unless asked otherwise."""

    def ingested(home: Home, *specs: Path | str, **options: Any) -> Batch:
        first = not (home.datasets / str(options.get("dataset", NAME)) / "snapshots").exists()
        declared = {"kind": "fit", "size": "12,12,1"} if first else {}
        asked = declared | {name: options.pop(name) for name in ("kind", "size", "polarity") if name in options}
        order = Order(tuple(map(str, specs)), wishes=Wishes(**asked), **({"dataset": NAME} | options))
        return ingest(home, order, desk, lambda done, total: None)

    return ingested
