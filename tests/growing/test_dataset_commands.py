"""The commands as a user gives them."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from small_pictures import NAME, write_pictures
from typer.testing import CliRunner, Result

from pipeline import cli
from pipeline.data import sources
from pipeline.errors import DataError, PipelineError
from pipeline.store import versions
from pipeline.store.home import Home


@pytest.fixture
def give(home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIPELINE_HOME", str(home.root))

    def given(*words: str) -> Result:
        return CliRunner().invoke(cli.app, list(words))

    return given


@pytest.fixture
def grown(give, pictures: Path, tmp_path: Path):
    """Two snapshots of shapes."""
    first = give("ingest", str(pictures), "--dataset", "shapes", "--as", "fit", "--image-size", "12,12,1")
    assert first.exit_code == 0, first.output
    assert give("ingest", str(write_pictures(tmp_path / "more", range(10, 14))), "--dataset", "shapes").exit_code == 0
    return give


def test_ingest_says_what_became_of_the_batch_and_draws_it(give, pictures: Path, home: Home) -> None:
    (pictures / "bar" / "broken.png").write_bytes(b"broken")
    done = give("ingest", str(pictures), "--dataset", "shapes", "--image-size", "12,12,1", "--labelled-by", "Ada")

    assert "Stored: 20." in done.output
    assert "Refused as unreadable: 1." in done.output
    assert "prepared as fit, 12 x 12, grey" in done.output
    (page,) = (home.metric_results / "datasets" / "shapes").glob("*.html")
    text = page.read_text()
    assert text.count("data:image/png;base64,") == 20
    assert "broken.png" in text


@pytest.mark.slow
def test_the_overview_links_the_latest_batches_until_they_are_erased(grown, tmp_path: Path, home: Home) -> None:
    for number in range(4):
        grown("ingest", str(write_pictures(tmp_path / str(number), range(20 + number, 21 + number))), "--dataset", NAME)
    assert grown("report").exit_code == 0
    pages = sorted(path.name for path in (home.metric_results / "datasets" / NAME).glob("*.html"))
    assert linked_batches(home) == [f"datasets/{NAME}/{name}" for name in pages[:0:-1]]
    assert len(pages) == 6

    grown("dataset", "remove", "bar/3.png", "--dataset", NAME, "--erase")
    assert linked_batches(home) == []


def linked_batches(home: Home) -> list[str]:
    """Return the addresses of batches' pages in the overview, from top to bottom."""
    return re.findall(r'href="(datasets/[^"]+)"', (home.metric_results / "index.html").read_text())


def test_ingest_as_json(give, pictures: Path) -> None:
    found = json.loads(give("ingest", str(pictures), "--dataset", "shapes", "--image-size", "12,12", "--json").stdout)

    assert found["outcomes"] == {"stored": 20}
    assert found["snapshot"] == "shapes@1"
    assert found["class_counts"] == {"bar": 10, "ring": 10}
    assert Path(found["report"]).is_file()


def test_ingest_names_the_first_refused_file_and_a_class_that_may_be_meant(grown, pictures: Path) -> None:
    for name in ("broken", "worse"):
        (pictures / "bar" / f"{name}.png").write_bytes(b"broken")
    write_pictures(pictures, range(1), kinds=("Ring",))

    said = " ".join(grown("ingest", str(pictures), "--dataset", "shapes").output.split())

    assert "Refused as unreadable: 2. The first: " in said
    assert "broken.png is not a picture" in said
    assert "More reasons for refusals are on the page. Look at" in said
    assert "there is no class Ring: did you mean ring? Give --new-classes to add it." in said


def test_ctrl_c_during_an_ingest_says_what_is_kept(give, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.growing.ingest.prepare_all", stopped)

    done = give("ingest", str(pictures), "--dataset", "shapes", "--image-size", "12,12")

    assert done.exit_code == 130
    assert "Stopped. The dataset is intact; the same command takes in whatever is not stored yet." in done.stderr
    assert "Traceback" not in done.output


def test_list_and_show(grown) -> None:
    assert "shapes@2: 28 images of 2 classes" in grown("dataset", "list").output
    shown = json.loads(grown("dataset", "show", "shapes", "--json").stdout)
    assert [one["images"] for one in shown["snapshots"]] == [20, 28]
    assert shown["class_counts"] == {"bar": 14, "ring": 14}
    assert "Prepared as fit, 12 x 12, grey." in grown("dataset", "show", "shapes@1").output


def test_diff(grown) -> None:
    said = grown("dataset", "diff", "shapes@1", "shapes@2").output

    assert "shapes@2 has 8 images that shapes@1 lacks (bar 4, ring 4)." in said
    assert "shapes@1 has 0 images that shapes@2 lacks." in said


def test_export_as_npz_is_the_same_dataset(grown, tmp_path: Path, home: Home) -> None:
    assert grown("dataset", "export", "shapes", "--to", "npz", "-o", str(tmp_path / "out.npz")).exit_code == 0

    data = sources.load("shapes", datasets=home.datasets)
    with np.load(tmp_path / "out.npz") as arrays:
        assert (arrays["images"] == data.images).all()
        assert arrays["classes"].tolist() == ["bar", "ring"]
    read = sources.load(str(tmp_path / "out.npz"))
    assert read.classes == data.classes
    assert (read.labels == data.labels).all()
    assert grown("ingest", str(tmp_path / "out.npz"), "--dataset", "again").exit_code == 0
    again = sources.load("again", datasets=home.datasets)
    assert again.classes == data.classes
    names = (dict(zip(one.digests.tolist(), one.labels.tolist(), strict=True)) for one in (data, again))
    assert next(names) == next(names)


def test_an_export_that_no_command_could_read_again_is_refused(grown, tmp_path: Path) -> None:
    refused = grown("dataset", "export", "shapes", "--to", "npz", "-o", str(tmp_path / "out"))

    assert isinstance(refused.exception, DataError)
    assert f"does not end in .npz: use {tmp_path}/out.npz." in str(refused.exception)
    assert not list(tmp_path.glob("out*"))


def test_export_as_a_folder_can_be_ingested_again(grown, tmp_path: Path, home: Home) -> None:
    assert grown("dataset", "export", "shapes", "--to", "folder", "-o", str(tmp_path / "out")).exit_code == 0

    rows = list(csv.DictReader((tmp_path / "out" / "images.csv").open()))
    assert len(rows) == 28
    assert all((tmp_path / "out" / row["file"]).is_file() for row in rows)
    done = grown("ingest", str(tmp_path / "out" / "images.csv"), "--dataset", "again", "--as", "as-is")
    assert "Stored: 28." in done.output
    first, again = (sources.load(name, datasets=home.datasets) for name in ("shapes", "again"))
    assert set(first.digests.tolist()) == set(again.digests.tolist())


def test_export_as_csv_holds_digits_alone(grown, tmp_path: Path) -> None:
    refused = grown("dataset", "export", "shapes", "--to", "csv", "-o", str(tmp_path / "out.csv"))

    assert isinstance(refused.exception, DataError)
    assert "use --to npz or --to folder" in str(refused.exception)


@pytest.mark.slow
def test_a_run_on_a_dataset_names_the_snapshot_in_its_version(grown, home: Home) -> None:
    options = ("--models", "logistic", "--train-sizes", "all", "--gate", "as-good")
    assert grown("run", "--dataset", "shapes@1", *options).exit_code == 0
    assert grown("run", "--dataset", "shapes", *options).exit_code == 0

    old, new = (version.manifest for version in versions.list_versions(home))
    assert [old.dataset.origin, new.dataset.origin] == ["shapes@1", "shapes@2"]
    assert {old.dataset.name, new.dataset.name} == {"shapes"}
    assert new.dataset.preparation is not None
    assert new.dataset.preparation.kind == "fit"


def test_remove_names_what_it_did(grown) -> None:
    said = grown("dataset", "remove", "bar/3.png", "--dataset", "shapes").output

    assert "1 image was removed." in said
    assert "shapes@3 with 27 images" in said
    assert "In quarantine: 0 images; removed or discarded by a person: 1." in grown("dataset", "show", "shapes").output


@pytest.mark.parametrize(
    "words",
    [
        ("dataset", "show", "nothing"),
        ("dataset", "diff", "shapes@1", "shapes@7"),
        ("dataset", "export", "shapes", "--to", "xml", "-o", "x"),
        ("dataset", "remove", "nothing", "--dataset", "shapes"),
        ("ingest", "/nowhere", "--dataset", "shapes"),
        ("ingest", ".", "--dataset", "mnist"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(grown, words: tuple[str, ...]) -> None:
    refused = grown(*words)

    assert isinstance(refused.exception, PipelineError)
    assert refused.exit_code != 0
    assert "\n" not in str(refused.exception)
