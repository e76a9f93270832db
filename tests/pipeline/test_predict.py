"""``predict``: with which version, what it shows of each image and what it writes; and the names that versions have."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline import load_version
from pipeline.errors import StoreError
from pipeline.store import production, versions
from pipeline.store.home import Home


@pytest.fixture
def replaced(two: list[str], command: Any, home: Home) -> list[str]:
    """Ids of the first champion and of the one that a person put in its place."""
    assert command("promote", "dummy", "--override", "--reason", "a drill", "--home", home.root)[0] == 0
    return two


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A picture of each class in a folder."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for label in range(3):
        image = np.full((8, 8), 60, np.uint8)
        image[label] += 110
        Image.fromarray(image).save(folder / f"{label}.png")
    return folder


def test_aliases_name_a_version_wherever_one_is_named(command: Any, replaced: list[str], home: Home) -> None:
    first, second = replaced

    def shown(name: str) -> str:
        return str(json.loads(command("show", name, "--json", "--home", home.root)[1])["id"])

    assert [shown(name) for name in ("champion", "previous", "latest")] == [second, first, second]
    assert shown("stripes@previous") == first
    assert load_version("previous", home.root).version_id == first
    both = json.loads(command("compare", "previous", "champion", "--json", "--home", home.root)[1])
    assert (both["first"], both["second"]) == (first, second)
    assert command("promote", "previous", "--override", "--reason", "again", "--home", home.root)[0] == 0
    assert production.all_current(home)[0].id == first
    assert command("rollback", "--home", home.root)[0] == 0
    assert (shown("champion"), shown("previous")) == (second, first)


@pytest.mark.parametrize(
    "words",
    [
        ("judge", "previous"),
        ("blend", "previous", "latest"),
        ("evaluate", "previous"),
        ("predict", "DATA", "--version", "previous"),
        ("serve", "--log", "--shadow", "previous"),
        ("kaggle", "submit", "--test-images", "DATA", "--dataset", "stripes", "--version", "previous"),
    ],
    ids=lambda words: words[0],
)
def test_every_command_that_takes_a_version_takes_an_alias(
    command: Any, replaced: list[str], home: Home, data: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    find = versions.find

    def stop_at_the_first(*asked: Any) -> Any:
        raise StoreError(f"It is {find(*asked).id}.")

    monkeypatch.setattr(versions, "find", stop_at_the_first)
    status, _, err = command(*(data if word == "DATA" else word for word in words), "--home", home.root)
    assert status == 1
    assert f"It is {replaced[0]}." in " ".join(err.split())


def test_an_alias_that_nothing_has_is_refused(command: Any, two: list[str], home: Home, tmp_path: Path) -> None:
    def refusal(name: str, place: Path = home.root) -> str:
        status, _, err = command("show", name, "--home", place)
        assert status == 1
        return " ".join(err.split())

    assert "Nothing is in production yet" in refusal("champion", tmp_path)
    assert "There is no version in" in refusal("latest", tmp_path)
    assert "there is no previous one" in refusal("previous")
    assert "'other' has no champion" in refusal("other@champion")
    assert "There is no version of 'other'" in refusal("other@latest")
    shutil.copytree(home.production / "stripes", home.production / "other")
    assert "name one, as in mnist@champion" in refusal("champion")


def test_a_version_predicts_and_each_picture_is_named_by_its_path(
    command: Any, replaced: list[str], home: Home, pictures: Path, data: Path
) -> None:
    one = pictures / "2.png"
    asked = ("predict", pictures, one, "--version", "logistic", "--home", home.root)
    lines = command(*asked)[1].splitlines()
    assert [line.split()[:2] for line in lines] == [[str(pictures / f"{n}.png"), str(n)] for n in (0, 1, 2, 2)]
    assert len({line.split()[1] for line in command("predict", pictures, "--home", home.root)[1].splitlines()}) == 1
    rows = json.loads(command(*asked, "--json", "--top", 2)[1])
    assert [row["file"] for row in rows] == [str(pictures)] * 3 + [str(one)]
    assert next(iter(rows[0]["probabilities"])) == "0" and len(rows[0]["probabilities"]) == 2
    (first, *_) = command(*asked, "--top", 2)[1].splitlines()
    assert first.count("0  ") == 1 and "0: " not in first and first.count(" %") == 2
    every = json.loads(command(*asked, "--json", "--probabilities")[1])
    assert list(every[1]["probabilities"]) == ["0", "1", "2"]
    assert sum(every[1]["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert "1: " in command(*asked, "--probabilities")[1].splitlines()[0]
    numbered = command("predict", data, "--version", "logistic", "--home", home.root)[1].splitlines()
    assert numbered[0].startswith(f"{data} 1  ")


def test_a_picture_that_cannot_be_read_stops_only_a_submission(
    command: Any, replaced: list[str], home: Home, pictures: Path, tmp_path: Path
) -> None:
    broken, missing = pictures / "broken.png", pictures.parent / "missing.png"
    (pictures / "more").mkdir()
    (pictures / "2.png").rename(pictures / "more" / "2.png")
    broken.write_bytes(b"no picture")
    asked = ("predict", pictures, missing, "--version", "logistic", "--home", home.root)
    status, out, err = command(*asked)
    assert status == 1
    assert [line.split()[:2] for line in out.splitlines()] == [
        [str(pictures / name), name.removeprefix("more/")[0]] for name in ("0.png", "1.png", "more/2.png")
    ]
    told = " ".join(err.split())
    assert f"Note: {broken} is not a picture" in told and f"Note: {missing} does not exist" in told
    assert "Error: Not predicted: 2 files that cannot be read" in told
    assert len(json.loads(command(*asked, "--json")[1])) == 3

    status, out, err = command("predict", broken, "--home", home.root)
    assert (status, out) == (1, "") and "Note" not in err and "Error: " in err
    written = tmp_path / "all.csv"
    status, _, err = command("predict", pictures, "--output", written, "--home", home.root)
    assert status == 1 and str(broken) in "".join(err.split()) and not written.exists()
    broken.unlink()
    assert command("predict", pictures, "--output", written, "--home", home.root)[0] == 0
    assert [line.split(",")[0] for line in written.read_text().splitlines()[1:]] == ["0.png", "1.png", "more/2.png"]


def test_a_submission_with_probabilities_has_a_column_for_each_class(
    command: Any, replaced: list[str], home: Home, data: Path, tmp_path: Path
) -> None:
    asked = ("predict", data, "--version", "previous", "--home", home.root)
    assert command(*asked, "--output", tmp_path / "p.csv", "--probabilities")[0] == 0
    with (tmp_path / "p.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["ImageId", "0", "1", "2"]
    with np.load(data) as arrays:
        labels = arrays["labels"]
    assert np.mean([max("012", key=lambda name: float(row[name])) for row in rows] == labels.astype(str)) > 0.8


def test_what_excludes_each_other_is_refused(command: Any, two: list[str], home: Home, data: Path) -> None:
    for options, why in (
        (("--top", 2, "--probabilities"), "give one of them"),
        (("--top", 2, "--output", "x.csv"), "--top applies to printed predictions"),
        (("--version", "dummy", "--dataset", "other"), "is a version of 'stripes'"),
    ):
        status, _, err = command("predict", data, *options, "--home", home.root)
        assert status == 1 and why in " ".join(err.split())


def test_the_submission_of_a_named_version_leaves_that_of_the_champion_alone(
    command: Any, replaced: list[str], home: Home, tmp_path: Path
) -> None:
    pixels = tmp_path / "test.csv"
    pixels.write_text(",".join(f"pixel{n}" for n in range(64)) + "\n" + ",".join(["9"] * 64) + "\n")
    folder = home.metric_results / "stripes"
    assert command("predict", pixels, "--home", home.root)[0] == 0
    before = (folder / "submission.csv").read_bytes()
    assert command("predict", pixels, "--version", "previous", "--home", home.root)[0] == 0
    assert (folder / f"submission-{replaced[0]}.csv").exists()
    assert (folder / "submission.csv").read_bytes() == before
