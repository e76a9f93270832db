"""Versions against test sets."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.inspection import test_sets
from pipeline.store.home import Home


@pytest.mark.parametrize("datasets", [("mnist", "mnist"), ("mnist", "digits")])
def test_benchmarks_of_several_datasets_are_several_test_sets(
    datasets: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def results(_home: Home, version: Any) -> list[test_sets.Result]:
        own = str(version), "cnn", 100, datasets[version]
        return [test_sets.Result(*own, test_sets.BENCHMARK, 0.9), test_sets.Result(*own, "mine", 0.8)]

    monkeypatch.setattr(test_sets, "_evaluated", lambda _home: [0, 1])
    monkeypatch.setattr(test_sets, "_results", results)
    found = set(test_sets.table(Home.find(tmp_path))["test_set"])
    several = {f"{name} benchmark" for name in datasets}
    assert found == ({"mine", "benchmark"} if datasets[0] == datasets[1] else {"mine", *several})
