"""A submission of one's own files: in the format of the sample that lies next to them, by the champion or its refit."""

import csv
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from short_runs import Silent

from pipeline import simulator
from pipeline.cli.terminal_tables import print_summary
from pipeline.contracts import UnlabelledImages
from pipeline.data import sample_submission
from pipeline.errors import DataError, SettingsError
from pipeline.orchestration.asked import Asked
from pipeline.store.home import Home

IMAGES = 6
PIXELS = [f"pixel{number}" for number in range(64)]
REFUSED: dict[str, Any] = {"models": ("dummy",), "gate": {"preset": "guarded", "accuracy_floor": 0.9999}}


class Told(Silent):
    """Keeps what a run says."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def notice(self, sentence: str) -> None:
        self.sentences.append(sentence)


@pytest.fixture
def test_images(tmp_path: Path) -> Path:
    """Images that no run has seen, and a sample submission in another order next to them."""
    folder = tmp_path / "files"
    folder.mkdir()
    rows = np.random.default_rng(9).integers(0, 120, (IMAGES, 64))
    with (folder / "test.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["Id", *PIXELS], *([f"t{n}", *row] for n, row in enumerate(rows.tolist()))])
    write_sample(folder, range(IMAGES))
    return folder / "test.csv"


def write_sample(folder: Path, numbers: Any) -> None:
    rows = [["Id", "Digit Class"], *([f"t{number}", "zero"] for number in reversed(numbers))]
    with (folder / "sample_submission.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)


def closing_lines(summary: simulator.Summary) -> str:
    console = Console(width=1000)
    with console.capture() as printed:
        print_summary(console, summary)
    return printed.get()


def test_the_sample_next_to_test_images_gives_the_format(
    run: Any, command: Any, home: Home, test_images: Path, tmp_path: Path
) -> None:
    summary = run(test_images=test_images)
    written = home.metric_results / "stripes" / "submission.csv"
    sample = test_images.parent / "sample_submission.csv"
    form = sample_submission.read(written)
    assert (form.header, form.ids) == (("Id", "Digit Class"), tuple(f"t{n}" for n in reversed(range(IMAGES))))
    assert f"The champion {summary.champion.id} predicted Kaggle-form CSV {test_images}: " in closing_lines(summary)
    assert f"{written}, in the format of {sample}" in closing_lines(summary)

    content = written.read_bytes()
    written.unlink()
    status, out, _ = command("predict", test_images, "--home", home.root)
    assert status == 0 and f"{written}, in the format of {sample}" in " ".join(out.split())
    assert written.read_bytes() == content

    write_sample(test_images.parent, range(IMAGES + 1))
    status, _, err = command("predict", test_images, "--home", home.root)
    assert status == 1 and f"{sample} asks for 7 ids from t6 to t0" in " ".join(err.split())
    with pytest.raises(DataError, match=r"asks for 7 ids from t6 to t0, but .* 6 images"):
        run(test_images=test_images)

    sample.rename(tmp_path / "elsewhere.csv")
    test_images.rename(test_images.parent / "sample.csv")
    assert command("predict", test_images.parent / "sample.csv", "--home", home.root)[0] == 0, "it is no sample itself"
    assert written.read_text().startswith("ImageId,Label\n")


def test_the_champion_is_refitted_for_ones_own_test_images_and_named(run: Any, home: Home, test_images: Path) -> None:
    plain = run(test_images=test_images)
    told = Told()
    summary = run(told, test_images=test_images, refit=2)
    assert summary.problem is None
    assert f"The refit of {plain.champion.id} (not judged) predicted Kaggle-form CSV" in closing_lines(summary)
    assert any("2 seeds: only for this submission, and never judged" in sentence for sentence in told.sentences)
    assert len(list((home.metric_results / "refits" / "stripes" / plain.champion.id).glob("*/manifest.json"))) == 1
    assert sample_submission.read(summary.submission.csv).header == ("Id", "Digit Class")


def test_a_metric_without_a_competition_is_not_ignored_in_silence(run: Any) -> None:
    told = Told()
    run(told, metric="macro-f1")
    assert [s for s in told.sentences if "--metric macro-f1 affects neither training nor the gate" in s]


def test_a_refit_needs_test_images_and_a_champion(run: Any, test_images: Path) -> None:
    with pytest.raises(SettingsError, match=r"--refit needs to know what to predict: .* --test-images FILE"):
        run(refit=1)
    with pytest.raises(SettingsError, match="--refit is only for the champion"):
        run(refit=1, submit="best", test_images=test_images)
    told = Told()
    summary = run(told, refit=1, test_images=test_images, **REFUSED)
    assert summary.submission is None
    assert "No version of 'stripes' has passed the gate yet" in closing_lines(summary)
    assert any(sentence.startswith("Not refitted: nothing passed") for sentence in told.sentences)


def without_champion(summary: simulator.Summary) -> list[str]:
    """The words of the command that a run without a champion ends with."""
    said = closing_lines(summary)
    assert "has no champion and no predictions were written" in said
    return shlex.split(said.partition("`simulator.py ")[2].partition("`")[0])


def test_without_a_champion_the_run_says_which_command_predicts(
    run: Any, command: Any, home: Home, test_images: Path
) -> None:
    words = without_champion(run(test_images=test_images, **REFUSED))
    written = home.metric_results / "stripes" / "submission.csv"
    assert not written.exists()
    status, _, err = command(*words, "--home", home.root)
    assert status == 0, err
    assert sample_submission.read(written).ids == tuple(f"t{n}" for n in reversed(range(IMAGES)))
    assert "no predictions" not in closing_lines(run(**REFUSED)), "nothing was to be predicted"


def test_the_command_without_a_champion_names_the_sample_and_what_it_wants(home: Home, test_images: Path) -> None:
    sample = sample_submission.read(test_images.parent / "sample_submission.csv")
    pictures = UnlabelledImages("pictures", np.zeros((1, 8, 8, 1), np.uint8), ("t0",))
    row: Any = SimpleNamespace(version=SimpleNamespace(id="some-version"), accuracy=None)
    asked = Asked(pictures, test_images.parent, sample, probabilities=True)
    assert shlex.split(asked.command(home, "stripes", [row]) or "")[1:] == [
        *("predict", str(test_images.parent), "--version", "some-version", "--sample", str(sample.file)),
        *("--probabilities", "-o", str(home.metric_results / "stripes" / "submission.csv")),
    ]


def test_a_run_that_was_to_submit_and_has_no_champion_fails(
    command: Any, data: Path, home: Home, test_images: Path
) -> None:
    own = ("--dataset", data, "--test-images", test_images, "--competition", "trees", "--home", home.root)
    status, out, err = command("run", *own, "--models", "dummy", "--train-sizes", "all", "--submit")
    assert status == 1
    assert "Error: Not submitted: nothing passed the gate, so there is no champion." in " ".join(err.split())
    assert "no predictions were written" in " ".join(out.split()), "all the rest is done"
    assert (home.metric_results / "index.html").exists()


@pytest.mark.parametrize("options", [{}, {"name": "kaggle"}])
def test_no_competition_is_guessed_for_ones_own_dataset(run: Any, data: Path, test_images: Path, options: Any) -> None:
    with pytest.raises(SettingsError, match=r"where to submit what was trained on .*stripes\.npz'"):
        run(test_images=test_images, submit="champion", **options)


@pytest.mark.parametrize("words", [("kaggle", "submit"), ("run", "--dataset", "mnist", "--submit")])
def test_the_sample_of_another_competition_is_not_sent_to_digit_recognizer(
    command: Any, two: list[str], home: Home, test_images: Path, words: tuple[str, ...]
) -> None:
    status, _, err = command(*words, "--test-images", test_images, "--home", home.root)
    assert status == 1
    assert "has the columns Id,Digit Class, but a submission to digit-recognizer has ImageId,Label" in (
        " ".join(err.split())
    )
