import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from small_pictures import NAME, Ingest, picture, write_pictures

from pipeline import simulator
from pipeline.config import Settings
from pipeline.data import roles, snapshots, sources
from pipeline.data.digests import contained
from pipeline.errors import DataError
from pipeline.growing import quarantine, removal
from pipeline.growing.removal import Removal
from pipeline.growing.version_traces import as_digests
from pipeline.inference import more_images
from pipeline.store import production, role_records, version_arrays, versions
from pipeline.store.home import Home

GATE = {"preset": "as-good", "accuracy_floor": 0.01, "recall_floor": "off", "robustness_margin_pp": "off"}


class Silent:
    def __getattr__(self, name: str) -> object:
        return lambda *values: lambda *more: None


@pytest.fixture
def trained(starting_from: Any, pictures: Path, tmp_path: Path, ingest_into: Any) -> Home:
    """A dataset of two snapshots, something in quarantine, and a version that serves."""

    def make(home: Home) -> None:
        ingest_into(home, pictures)
        settings = Settings(dataset=NAME, models=("logistic",), train_sizes=("all",), gate=GATE)
        simulator.run(settings, home, Silent())  # type: ignore[arg-type]
        ingest_into(home, write_pictures(tmp_path / "more", range(10, 14)))
        picture("ring", 99).save(tmp_path / "ring99.png")
        ingest_into(home, tmp_path / "ring99.png")

    return starting_from(make)


def remove(home: Home, *images: str, erase: bool = False) -> Removal:
    return removal.remove(home, NAME, images, erase=erase, notify=lambda sentence: None)


def digest_of(home: Home, source: str, spec: str = NAME) -> str:
    snapshot = snapshots.find(home.datasets, spec)
    for shard in snapshot.shards:
        table = pq.read_table(snapshots.shard_file(home.datasets / NAME, shard)).to_pylist()
        for row in table:
            if row["source"] == source:
                return str(row["digest"])
    raise AssertionError(source)


def role_of(home: Home, role: int) -> str:
    """The digest of an image of the first snapshot that has this role."""
    recorded = role_records.load(home, NAME)
    assert recorded is not None
    return bytes(recorded.digests[recorded.roles == role][0]).hex()


def test_a_removed_image_is_in_older_snapshots_alone_and_does_not_come_back(
    trained: Home, pictures: Path, take_in: Ingest
) -> None:
    done = remove(trained, "bar/3.png")

    assert done.snapshot is not None
    assert (done.snapshot.number, done.snapshot.images, done.snapshot.class_counts["bar"]) == (3, 27, 13)
    assert len(sources.load(f"{NAME}@2", datasets=trained.datasets)) == 28
    assert len(sources.load(NAME, datasets=trained.datasets)) == 27
    again = take_in(pictures)
    assert again.counts["removed"] == 1
    assert "Refused because a person removed or discarded them earlier: 1." in again.in_words()


@pytest.mark.parametrize("form", ["digest", "beginning", "file"])
def test_an_image_is_named_by_digest_or_by_the_picture_itself(trained: Home, pictures: Path, form: str) -> None:
    digest = digest_of(trained, "ring/4.png")
    named = {"digest": digest, "beginning": digest[:10], "file": str(pictures / "ring" / "4.png")}[form]

    assert remove(trained, named).digests == (digest,)


@pytest.mark.parametrize("named", ["nothing.png", "abc", "ffffffffffff"])
def test_an_image_that_is_not_there_changes_nothing(trained: Home, named: str) -> None:
    with pytest.raises(DataError, match=f"'{named}' is not in shapes, and there is no such file: give a digest"):
        remove(trained, named, "bar/1.png")
    assert snapshots.numbers(trained.datasets / NAME) == [1, 2]


def test_a_picture_that_is_not_in_the_dataset_changes_nothing(trained: Home, tmp_path: Path) -> None:
    picture("ring", 123).save(tmp_path / "other.png")
    with pytest.raises(DataError, match=r"other.png' is not in shapes: give a digest"):
        remove(trained, str(tmp_path / "other.png"))


def test_versions_that_were_trained_on_it_are_named(trained: Home) -> None:
    (version,) = versions.list_versions(trained)
    training, judge = role_of(trained, roles.TRAINING), role_of(trained, roles.BENCHMARK)

    assert remove(trained, judge).versions == ()
    done = remove(trained, training)
    assert done.versions == (version.id,)
    assert version.id in " ".join(done.in_words())


@pytest.mark.slow
@pytest.mark.parametrize("erase", [False, True])
def test_a_version_without_the_removed_image_still_counts_as_grown(trained: Home, erase: bool) -> None:
    (before,) = versions.list_versions(trained)
    remove(trained, role_of(trained, roles.TRAINING), erase=erase)
    settings = Settings(dataset=NAME, models=("logistic",), train_sizes=("all",), gate=GATE)
    (row,) = simulator.run(settings, trained, Silent()).rows  # type: ignore[arg-type]

    assert row.version is not None
    data, after = sources.load(NAME, datasets=trained.datasets), versions.candidate_of(row.version.folder)
    assert more_images.shortfall(trained, data, after, before.folder) is None
    held = replace(data, origin="")
    missing = more_images.shortfall(trained, held, after, before.folder)
    assert missing == (None if erase else "it was trained without 1 of the champion's 16 images")


@pytest.mark.parametrize("role", [roles.TRAINING, roles.BENCHMARK])
def test_an_erased_image_leaves_no_byte_and_no_digest_anywhere(trained: Home, role: int) -> None:
    digest = role_of(trained, role)
    png = next(
        row["image"]["bytes"]
        for path in (trained.datasets / NAME / snapshots.SHARDS).glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
        if row["digest"] == digest
    )

    pages = [trained.explorations / place / "label_errors.csv" for place in ("letters", NAME, "")]
    for page in (*pages, trained.batch_pages / NAME / "batch.html"):
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(digest)

    done = remove(trained, digest, erase=True)

    assert done.erased
    said = "Deleted too: 1 report of versions that could show it, and the pages of explore and ingest."
    assert said in done.in_words()
    again = (
        "Nothing of it is kept, so it would be stored again if it arrived again: keep its file out of what you send."
    )
    assert again in done.in_words()
    assert done.snapshot is not None
    assert [snapshots.read(trained.datasets / NAME, n).images for n in (1, 2, 3)] == [19, 27, 27]
    assert [snapshots.read(trained.datasets / NAME, n).erased for n in (1, 2)] == [1, 1]
    for path in trained.root.rglob("*"):
        if path.is_file():
            found = _unpacked(path)
            assert digest.encode() not in found, path
            assert bytes.fromhex(digest) not in found, path
            assert png not in found, path


def _unpacked(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix == ".parquet":
        rows = pq.read_table(path).to_pylist()
        return b"".join(row["image"]["bytes"] + json.dumps(row["digest"]).encode() for row in rows)
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return b"".join(arrays[name].tobytes() for name in arrays.files)
    return content


def test_versions_are_whole_and_serve_after_an_erasure(trained: Home, command: Any) -> None:
    digest = role_of(trained, roles.TRAINING)
    done = remove(trained, digest, erase=True)

    (version,) = versions.list_versions(trained)
    assert done.versions == (version.id,)
    assert versions.verify(version).damage is None
    assert "Report: deleted with the erasure of images" in command("show", version.id, "--home", trained.root)[1]
    assert production.problems(trained) == []
    assert not contained(version_arrays.training_images(version).train, as_digests([digest])).any()
    assert len(sources.load(f"{NAME}@1", datasets=trained.datasets)) == 19


def test_no_report_shows_an_erased_training_image_beside_the_benchmark_image_that_it_nearly_equals(
    home: Home, pictures: Path, ingest_into: Any
) -> None:
    for path in sorted(pictures.rglob("*.png")):
        twin = Image.open(path)
        twin.putpixel((5, 5), 128)
        twin.save(path.with_stem(f"{path.stem}-twin"))
    ingest_into(home, pictures)
    settings = Settings(dataset=NAME, models=("dummy",), train_sizes=("all",), gate=GATE | {"near_copy_alpha": 0.001})
    simulator.run(settings, home, Silent())  # type: ignore[arg-type]
    (version,) = versions.list_versions(home)
    assert "Near copies" in (version.folder / "report.html").read_text()

    remove(home, role_of(home, roles.TRAINING), erase=True)

    (version,) = versions.list_versions(home)
    assert versions.verify(version).damage is None
    assert not [path for path in version.folder.rglob("*") if path.suffix in {".html", ".png"}]


def test_a_candidate_without_a_verdict_forgets_an_erased_image_and_a_refit_that_was_cut_off_is_deleted(
    trained: Home,
) -> None:
    (version,) = versions.list_versions(trained)
    candidate = trained.staging / version.id
    shutil.copytree(version.folder, candidate)
    cut_off = trained.metric_results / "refits" / NAME / version.id / ".staging" / "half"
    shutil.copytree(version.folder, cut_off)
    digest = role_of(trained, roles.TRAINING)

    remove(trained, digest, erase=True)

    seen = version_arrays.training_images_in(candidate)
    assert not contained(seen.train, as_digests([digest])).any()
    assert not cut_off.exists()


def test_lineages_of_other_names_forget_an_erased_image(trained: Home) -> None:
    roles_of_it = role_records.load(trained, NAME)
    assert roles_of_it is not None
    role_records.save(trained, "other", roles_of_it)
    monitor = [trained.production_of("other") / "drift.npz", trained.served_of("other") / "drift.html"]
    for path in monitor:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"pixels")
    digest = role_of(trained, roles.TRAINING)

    remove(trained, digest, erase=True)

    kept = role_records.load(trained, "other")
    assert kept is not None
    assert not contained(as_digests([digest]), kept.digests).any()
    assert not any(path.exists() for path in monitor)


def test_what_waits_in_quarantine_can_be_erased(trained: Home) -> None:
    (entry,) = quarantine.waiting(trained.datasets / NAME)
    done = remove(trained, "ring99.png", erase=True)

    assert done.digests == (entry.digest,)
    assert "Deleted too" not in " ".join(done.in_words()), "there was nothing more"
    assert quarantine.waiting(trained.datasets / NAME) == []
    assert snapshots.numbers(trained.datasets / NAME) == [1, 2]


def test_an_erased_image_may_come_again(trained: Home, pictures: Path, take_in: Ingest) -> None:
    remove(trained, "bar/3.png", erase=True)

    assert take_in(pictures).counts["stored"] == 1
