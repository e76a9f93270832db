"""Versions against test sets: their benchmark, its corrupted and turned copies, and whatever they were evaluated on."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.contracts import Version
from pipeline.facts.score_facts import Scores
from pipeline.judging import disclosure
from pipeline.store import atomic, scores, versions
from pipeline.store.home import Home

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "evaluations"
PICTURE, TABLE = "test_sets.png", "test_sets.csv"
BENCHMARK, CORRUPTED, ROTATED = "benchmark", "benchmark, corrupted", "benchmark, rotated"


@dataclass(frozen=True)
class Result:
    """One version on one test set.

    Attributes:
        version, recipe, train_size: Which version.
        dataset: The dataset that it was trained on.
        test_set: Which images; a benchmark is named with its dataset where the versions have several.
        accuracy: Share of right answers.
        accuracy_low, accuracy_high: Its 95 % interval; ``None`` for corrupted copies.
        images: How many images there are; ``None`` for corrupted copies.
    """

    version: str
    recipe: str
    train_size: int
    dataset: str
    test_set: str
    accuracy: float | None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    images: int | None = None


def file_of(home: Home, name: str) -> Path:
    """Return where an evaluation is kept; ``name`` as in ``evaluation.Evaluation``."""
    return home.metric_results / FOLDER / f"{name}.json"


def table(home: Home) -> "pd.DataFrame":
    """Return a row for each version that was evaluated on other images, and each test set it was measured on.

    A version whose policy withholds its figures, or that is damaged, has none.
    """
    import pandas as pd

    rows = [asdict(result) for version in _evaluated(home) for result in _results(home, version)]
    found = pd.DataFrame(rows, columns=list(Result.__annotations__))
    if found["dataset"].nunique() > 1:
        own = found["test_set"].isin([BENCHMARK, CORRUPTED, ROTATED])
        found.loc[own, "test_set"] = found["dataset"] + " " + found["test_set"]
    return found


def write(home: Home) -> "pd.DataFrame":
    """Write the table and its picture to ``metric_results/``, where there is anything to show; return the table.

    Raises:
        StoreError: The disk is full or refuses.
    """
    from pipeline.reports import test_set_plot

    found = table(home)
    if len(found):
        atomic.write_text(home.metric_results / TABLE, found.to_csv(index=False, lineterminator="\n"))
        atomic.write_bytes(home.metric_results / PICTURE, test_set_plot.draw(found))
    return found


def _evaluated(home: Home) -> Iterator[Version]:
    names = [path.stem for path in (home.metric_results / FOLDER).glob("*.json")]
    for folder in versions.folders(home) if names else ():
        if any(name.startswith(f"{folder.name}-") for name in names):
            version = versions.find(home, folder.name)
            if version.damage is None and not disclosure.withholds(version.verdict):
                yield version


def _results(home: Home, version: Version) -> Iterator[Result]:
    folder = home.metric_results / FOLDER
    files = sorted(folder.glob(f"{version.id}-*.json")) if folder.is_dir() else []
    measured = {path.stem.removeprefix(f"{version.id}-"): path for path in files}
    measured = {name: path for name, path in measured.items() if not name.startswith("checkpoint-")}
    if not measured:
        return
    yield _result(version, BENCHMARK, version.scores)
    if version.scores.robustness:
        own = _identity(version)
        yield Result(version.id, *own, CORRUPTED, version.scores.robustness.mean_accuracy)
        turned = version.scores.robustness.by_corruption.get("rotate")
        if turned is not None:
            yield Result(version.id, *own, ROTATED, turned)
    for name, path in measured.items():
        found = scores.parse(atomic.read_bytes(path), path)
        if found.benchmark_sha256 != version.scores.benchmark_sha256:
            yield _result(version, name, found)


def _result(version: Version, test_set: str, found: Scores) -> Result:
    accuracy = found.accuracy
    return Result(version.id, *_identity(version), test_set, accuracy.value, accuracy.low, accuracy.high, found.images)


def _identity(version: Version) -> tuple[str, int, str]:
    facts = version.manifest
    return facts.recipe, facts.rows.train_size, facts.dataset.name
