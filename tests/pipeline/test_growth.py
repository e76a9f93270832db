"""What a run says after a dataset has grown: how much, what was judged again, what that proved, and what to do."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from short_runs import LENIENT

from pipeline.cli.terminal_tables import print_summary
from pipeline.orchestration import growth
from pipeline.orchestration.rejudging import Rejudgement
from pipeline.store import versions
from pipeline.store.home import Home


@pytest.fixture
def grow(data: Path, tmp_path: Path) -> Any:
    """Write the first images of each class to a file that is always the same; returns its path."""

    def to(each: int) -> str:
        with np.load(data) as arrays:
            images, labels = arrays["images"], arrays["labels"]
        rows = np.concatenate([np.flatnonzero(labels == label)[:each] for label in range(3)])
        np.savez(tmp_path / "stripes.npz", images=images[rows], labels=labels[rows])
        return str(tmp_path / "stripes.npz")

    return to


@pytest.mark.slow
def test_a_champion_that_growth_replaced_is_named_with_its_proof(run: Any, grow: Any) -> None:
    first = run(dataset=grow(30), train_sizes=("20",))
    assert first.growth == (), "a first run has nothing to compare with"
    assert run(dataset=grow(30), train_sizes=("20",)).growth == (), "the dataset is the same"
    grown = run(dataset=grow(60))
    size, again, proof, back = grown.growth
    assert size.startswith("stripes has grown by 90 images since its newest version was trained, to 180; the ")
    assert "the benchmark has " in size and size.endswith(" instead of 18.")
    assert "No stored version was judged again" in again
    assert proof.startswith(f"{grown.champion.id} replaced {first.champion.id}.")
    (check,) = [one for one in grown.rows[0].version.verdict.checks if one.name == "as_good"]
    assert check.sentence in proof
    assert "simulator.py rollback" in back
    console = Console(width=1000)
    with console.capture() as printed:
        print_summary(console, grown)
    assert f"{grown.champion.id} was promoted:\n  ✔ {check.title}: {check.sentence}" in printed.get()


def test_advice_is_for_the_champion_that_serves(run: Any) -> None:
    run(train_sizes=("60",))
    summary = run(gate={"preset": "guarded", **LENIENT, "calibration_limit": "off"})
    console = Console(width=1000)
    with console.capture() as printed:
        print_summary(console, summary)
    refused = summary.rows[0].version.id
    assert f"{refused}: 36 benchmark images cannot prove" in printed.get()
    with console.capture() as printed:
        print_summary(console, replace(summary, champion=replace(summary.champion, id="its successor")))
    assert "cannot prove" not in printed.get()


@pytest.mark.parametrize(
    ("first", "second", "images"),
    [
        pytest.param(("hard@18", 4_845, 955), ("hard@2", 1_585, 316), 4_845, id="a run on an older snapshot came last"),
        pytest.param(("hard@18", 4_845, 955), ("hard@19", 4_840, 954), 4_840, id="images were removed"),
        pytest.param(("", 120, 24), ("", 100, 20), 100, id="no snapshots"),
    ],
)
def test_growth_is_counted_from_the_newest_snapshot(first: Any, second: Any, images: int) -> None:
    def version(snapshot: str, images: int, benchmark: int, day: int) -> Any:
        dataset = SimpleNamespace(name="hard", snapshot=snapshot, images=images)
        facts = SimpleNamespace(dataset=dataset, created_at=f"2026-11-{day:02}T00:00:00Z")
        return SimpleNamespace(
            manifest=facts, known_manifest=facts, verdict=SimpleNamespace(benchmark_images=benchmark)
        )

    then = growth.before([version(*first, 1), version(*second, 2)], "hard", None)
    assert then is not None
    assert (then.images, then.benchmark) == (images, first[2])


def test_what_stays_is_said_with_the_reason_and_what_to_do(run: Any, grow: Any, home: Home) -> None:
    first = run(dataset=grow(30))
    then = growth.before(versions.list_versions(home), "stripes", first.champion)
    grown = run(dataset=grow(60), models=("dummy",))
    *_, stays, advised = grown.growth
    assert stays.startswith(f"{first.champion.id} still serves.") and "did not pass" in stays
    check = next(check for check in grown.rows[0].version.verdict.checks if check.outcome != "pass")
    assert check.sentence in stays
    assert "simulator.py tune --model dummy" in advised
    again = [Rejudgement(grown.rows[0].version, "")] * 7
    _, *told, more, _, _ = growth.in_words(then, growth.After("stripes", 180, 18, (), again, first.champion))
    assert told == [f"Judged again: {grown.rows[0].version.id} was refused. {check.sentence}"] * 5
    assert more == "2 more versions judged again: `simulator.py versions`."
    idle = growth.After("stripes", 180, 18, (), (), first.champion)
    said = growth.in_words(then, idle)
    assert "the benchmark has 18, as before." in said[0]
    assert "No version was trained on the new images" in said[-1]
