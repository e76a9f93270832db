"""What a person waits for: whole commands on full MNIST, those of an earlier commit in turn with today's.

Run: ``python -m benchmarks waiting``, or ``python -m benchmarks.waiting --against COMMIT``. What was measured is kept
in ``raw/waiting/`` until all of it is, so that the same command goes on after a kill.
"""

import argparse
import importlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measure
from pipeline.data import sources

ROOT = Path(__file__).parents[1]
FOLDER = measure.RAW / "waiting"
BEFORE = "be3f741"
"""The commit whose figures the targets were derived from."""
PREDICTED = 28_000
WITHOUT_HOME = ("models",)
MAIN = ("run", "--train-sizes", "0.02,0.2,all", "--models", "cnn,xgboost", "--effort", "quick")


@dataclass(frozen=True)
class Row:
    """A command.

    Attributes:
        name: In the table.
        words: What it is given; ``{files}`` is the folder with the images that it reads.
        most: The target in seconds, for the ratio to ``of`` if that is set.
        repeats: How often.
        before: Whether the earlier commit has it as well.
        now: Options that the earlier commit does not know.
    """

    name: str
    words: tuple[str, ...]
    most: float | None = None
    repeats: int = 5
    before: bool = True
    now: tuple[str, ...] = ()


FITS = "main job, full MNIST"
ROWS = (
    Row(FITS, MAIN, repeats=1, now=("--gate", "growing")),
    Row("the same again, with nothing to do", MAIN, repeats=3, now=("--gate", "growing")),
    Row("`versions`", ("versions",)),
    Row("`production`", ("production",)),
    Row("`models`", ("models",), before=False),
    Row("`gate`", ("gate",), most=0.5),
    Row("`compare champion latest`", ("compare", "champion", "latest"), before=False),
    Row("`predict` of one image", ("predict", "{files}/one.png"), most=0.25),
    Row("`predict` of 28,000 rows to a CSV", ("predict", "{files}/test.csv", "--output", "{files}/out.csv"), most=1.0),
    Row("`report`, of 6 versions", ("report",), repeats=3),
    Row("`publish`, to a server on this machine", ("publish", "somebody/digits"), repeats=3),
    Row("`drift --prepare`", ("drift", "--prepare"), repeats=1, before=False),
    Row("`explore`, of 70,000 images", ("explore", "--dataset", "mnist"), repeats=1),
    Row("`ingest mnist`, 70,000 images", ("ingest", "mnist", "--dataset", "all-of-mnist"), repeats=1, before=False),
    Row(
        "`tune --model cnn --trials 5 --train-size 6000`",
        ("tune", "--model", "cnn", "--trials", "5", "--train-size", "6000"), repeats=1, before=False,
    ),
    Row("`notebook`, with its defaults", ("notebook",), repeats=1, before=False),
)  # fmt: skip


@dataclass
class Place:
    """A checkout, and the home folder that its commands work in."""

    name: str
    checkout: Path
    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    def seconds(self, words: Sequence[str]) -> float:
        """Carry a command out; returns the seconds of the clock."""
        home = [] if words[0] in WITHOUT_HOME else ["--home", str(self.home)]
        command = [sys.executable, str(self.checkout / "simulator.py"), *words, *home]
        # As for a user, whose first start leaves the bytecode for the others.
        own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        started = time.perf_counter()
        done = subprocess.run(
            command, cwd=self.checkout, env=own | {"PYTHONPATH": str(self.checkout)} | self.variables, check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{self.name}: {' '.join(words)} ended with {done.returncode}: {done.stderr[-2000:]}")
        return time.perf_counter() - started

    def fit_seconds(self) -> float:
        """Return the sum over all versions."""
        found = [json.loads(file.read_text()) for file in sorted(self.home.glob("versions/**/manifest.json"))]
        return float(sum(facts["timings"]["fit_seconds"] for facts in found))


def main(against: str = BEFORE) -> str:
    """Return the section; measured without ``against`` where this is no git checkout or it lacks that commit."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    files = _files(FOLDER / "files")
    places = [Place("now", ROOT, FOLDER / "now"), *_before(against)]
    with _hub() as variables:
        for place in places:
            place.variables = dict(variables)
        for row in ROWS:
            _measure(row, [place for place in places if row.before or place.name == "now"], files)
    text = _section(_known(), against)
    subprocess.run(["git", "worktree", "remove", "--force", str(FOLDER / "before-checkout")], cwd=ROOT, check=False)
    shutil.rmtree(FOLDER)
    return text


def _measure(row: Row, places: Sequence[Place], files: Path) -> None:
    words = [word.format(files=files) for word in row.words]
    for repeat in range(row.repeats):
        for place in places:
            if any(line["key"] == [row.name, place.name, repeat] for line in _known()):
                continue
            if row.name == FITS:
                shutil.rmtree(place.home, ignore_errors=True)
            taken = place.seconds([*words, *(row.now if place.name == "now" else ())])
            line: dict[str, Any] = {"key": [row.name, place.name, repeat], "seconds": taken}
            if row.name == FITS:
                line["fits"] = place.fit_seconds()
            print(line, flush=True)
            with (FOLDER / "seconds.jsonl").open("a") as lines:
                lines.write(json.dumps(line) + "\n")


def _known() -> list[dict[str, Any]]:
    file = FOLDER / "seconds.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def _section(lines: Sequence[dict[str, Any]], against: str) -> str:
    rows = []
    for row in ROWS:
        now, before = ([line for line in lines if line["key"][:2] == [row.name, place]] for place in ("now", "before"))
        rows.append(_cells(row.name, row.most, _seconds(now), _seconds(before)))
        if row.name == FITS:
            shares = [[line["seconds"] / line["fits"] for line in part] for part in (now, before)]
            rows.append(_cells("the main job / the sum of its fits", 1.25, *shares))
    return (
        "## Waiting\n\n"
        f"Whole commands on full MNIST, in turn with those of commit {against}, whose versions are its own; seconds of "
        "the clock, medians where there are several. The targets are those of a quiet machine; where this one is "
        "slower, the ratio says more.\n\n"
        + measure.table(("command", "seconds", "at most", "reached", "before", "now / before"), rows)
    )


def _cells(name: str, most: float | None, now: Sequence[float], before: Sequence[float]) -> tuple[str, ...]:
    middle = statistics.median(now)
    spread = f" ({min(now):.2f} to {max(now):.2f}, n = {len(now)})" if len(now) > 1 else ""
    target = ("", "") if most is None else (f"{most:g}", measure.yes(middle <= most))
    earlier = (f"{statistics.median(before):.2f}", f"{middle / statistics.median(before):.2f}") if before else ("", "")
    return (name, f"{middle:.2f}{spread}", *target, *earlier)


def _seconds(lines: Sequence[dict[str, Any]]) -> list[float]:
    return [line["seconds"] for line in lines]


def _before(commit: str) -> list[Place]:
    checkout = FOLDER / "before-checkout"
    if not checkout.exists():
        command = ["git", "worktree", "add", "--force", "--detach", str(checkout), commit]
        if subprocess.run(command, cwd=ROOT, check=False, stderr=subprocess.DEVNULL).returncode:
            return []
    return [Place("before", checkout, FOLDER / "before")]


def _files(folder: Path) -> Path:
    from PIL import Image

    if not (folder / "one.png").exists():
        folder.mkdir(exist_ok=True)
        images = sources.load("mnist").images[-PREDICTED:, ..., 0]
        header = ",".join(f"pixel{number}" for number in range(images[0].size))
        rows = images.reshape(len(images), -1)
        np.savetxt(folder / "test.csv", rows, fmt="%d", delimiter=",", header=header, comments="")
        Image.fromarray(images[-1]).save(folder / "one.png")
    return folder


@contextmanager
def _hub() -> Iterator[Mapping[str, str]]:
    """A Hugging Face Hub on loopback, that of the tests; yields the variables that lead its client there."""
    sys.path.append(str(ROOT / "tests" / "services"))
    hub = importlib.import_module("huggingface_server")
    server = hub.HubServer()
    try:
        yield {
            "HF_ENDPOINT": server.url, "HF_TOKEN": hub.TOKEN, "HF_HOME": str(FOLDER / "hf"),
            "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
        }  # fmt: skip
    finally:
        server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.waiting", description=__doc__)
    parser.add_argument("--against", default=BEFORE, metavar="COMMIT", help=f"compared with (default: {BEFORE})")
    print(main(parser.parse_args().against))
