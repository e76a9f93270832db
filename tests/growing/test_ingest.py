import io
import os
import shutil
import signal
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from small_pictures import NAME, Ingest, picture, write_pictures

from pipeline.application import Application
from pipeline.contracts import Roles
from pipeline.data import roles, shards, snapshots, sources
from pipeline.data.shards import Entry
from pipeline.errors import DataError, SettingsError
from pipeline.growing import exporting, ingest, quarantine
from pipeline.growing.arrivals import Desk, Item
from pipeline.growing.declaring import Wishes
from pipeline.growing.preparing import Prepared, prepare_all, prepare_item
from pipeline.growing.review import ReviewQueue
from pipeline.growing.screening import CONFLICT, COPY, DOUBTED, NEAR_COPY, STORED, SURPLUS, UNKNOWN_CLASS, UNLABELLED
from pipeline.store import archives, role_records
from pipeline.store.home import Home


def stored(home: Home) -> list[Entry]:
    snapshot = snapshots.find(home.datasets, NAME)
    return list(exporting.entries_of(home.datasets / NAME, snapshot))


def as_zip(folder: Path, target: Path) -> Path:
    return Path(shutil.make_archive(str(target), "zip", folder.parent, folder.name))


def as_tar(folder: Path, target: Path) -> Path:
    return Path(shutil.make_archive(str(target), "gztar", folder.parent, folder.name))


def as_list(folder: Path, target: Path) -> Path:
    files = sorted(folder.rglob("*.png"))
    path = folder / "list.csv"
    path.write_text("file,label\n" + "".join(f"{f.relative_to(folder)},{f.parent.name}\n" for f in files))
    return path


def as_names(folder: Path, target: Path) -> Path:
    """Pictures in one folder, and a table that names them without folder and suffix."""
    rows = ["image,label"]
    for number, file in enumerate(sorted(folder.rglob("*.png"))):
        rows.append(f"im{number},{file.parent.name}")
        (target / "pics").mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target / "pics" / f"im{number}.png")
    (target / "labels.csv").write_text("\n".join(rows))
    return target


def as_table_of_names(folder: Path, target: Path) -> Path:
    return as_names(folder, target) / "labels.csv"


def as_competition(folder: Path, target: Path) -> Path:
    """A table of labels, the same names in ``train`` and ``test``, and a sample whose labels mean nothing."""
    names = as_names(folder, target)
    (names / "pics").rename(names / "train")
    lines = (names / "labels.csv").read_text().replace("image,", "id,")
    (names / "labels.csv").unlink()
    (names / "train.csv").write_text(lines)
    picture("ring", 98).save(names / "train" / "unlabelled.png")
    write_pictures(names, range(50, 52), ("test",))
    for number, file in enumerate(sorted((names / "test").iterdir())):
        file.rename(file.with_name(f"im{number}.png"))
    (names / "sample_submission.csv").write_text("id,label\nim0,bar\nim1,bar\n")
    return names


def as_zipped_competition(folder: Path, target: Path) -> Path:
    return as_zip(as_competition(folder, target), target.with_name("competition"))


def as_parquet(folder: Path, target: Path) -> Path:
    files = sorted(folder.rglob("*.png"))
    columns = {
        "image": [{"bytes": file.read_bytes(), "path": file.name} for file in files],
        "label": [file.parent.name for file in files],
    }
    pq.write_table(pa.table(columns), target.with_suffix(".parquet"))
    return target.with_suffix(".parquet")


FORMS = [as_zip, as_tar, as_list, as_names, as_table_of_names, as_competition, as_zipped_competition, as_parquet]


@pytest.mark.parametrize("form", [lambda folder, target: folder, *FORMS])
def test_whatever_holds_the_same_pictures_gives_the_same_dataset(
    home: Home, pictures: Path, tmp_path: Path, take_in: Ingest, form: Callable[[Path, Path], Path]
) -> None:
    batch = take_in(form(pictures, tmp_path / "packed"))

    data = sources.load(NAME, datasets=home.datasets)
    assert batch.counts == {STORED: 20}
    assert data.classes == ("bar", "ring")
    expected = {prepare_item(Item(f.name, f, None), batch.preparation).digest for f in pictures.rglob("*.png")}
    assert {entry.digest for entry in stored(home)} == expected


def test_arrays_in_every_form_that_a_run_takes(home: Home, tmp_path: Path, take_in: Ingest) -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 6, 6), dtype=np.uint8)
    labels = np.arange(30) % 3
    np.savez(tmp_path / "set.npz", images=images, labels=labels)
    header = ",".join(["label", *(f"pixel{n}" for n in range(36))])
    rows = np.column_stack([labels, images.reshape(30, -1)])
    np.savetxt(tmp_path / "set.csv", rows, "%d", ",", header=header, comments="")

    first = take_in(tmp_path / "set.npz", kind="as-is", size=None)
    again = take_in(tmp_path / "set.csv")

    assert first.counts == {STORED: 30}
    assert again.counts == {COPY: 30}
    assert again.after == first.after
    assert (sources.load(NAME, datasets=home.datasets).images[..., 0] == images).all()


def test_the_parts_of_a_source_with_its_own_test_images_keep_their_roles(
    home: Home, tmp_path: Path, take_in: Ingest
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 6, 6), dtype=np.uint8)
    labels = np.arange(60) % 3
    np.savez(tmp_path / "set.npz", x_train=images[:50], y_train=labels[:50], x_test=images[50:], y_test=labels[50:])
    take_in(tmp_path / "set.npz", kind="as-is", size=None)

    data = sources.load(NAME, datasets=home.datasets)
    drawn = roles.assign_roles(data)
    judges = set(drawn.digests[drawn.roles == roles.BENCHMARK].tolist())
    assert judges == set(data.digests[50:].tolist())


def test_a_bad_file_costs_itself(home: Home, pictures: Path, take_in: Ingest) -> None:
    whole = (pictures / "bar" / "1.png").read_bytes()
    (pictures / "bar" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (pictures / "bar" / "text.jpg").write_text("not a picture")
    Image.new("L", (40, 40), 200).save(pictures / "ring" / "blank.png")
    (pictures / "ring" / "set.npz").write_bytes(b"PK broken")
    (pictures / "ring" / "notes.txt").write_text("left out")

    batch = take_in(pictures)

    refused = [one.decision.reason for one in batch.outcomes if one.decision.outcome == "unreadable"]
    assert batch.counts == {STORED: 20, "unreadable": 3}
    assert [name in " ".join(refused) for name in ("cut.png", "text.jpg", "blank.png")] == [True] * 3
    assert "set.npz" in batch.faults[0]
    assert batch.left_out == ("ring/notes.txt",)
    assert "Other files left out: 1; the first is ring/notes.txt." in batch.in_words()


@pytest.mark.parametrize("pack", [as_zip, as_tar])
def test_what_an_archive_holds_is_named_by_the_archive(
    pictures: Path, tmp_path: Path, take_in: Ingest, pack: Callable[[Path, Path], Path]
) -> None:
    (pictures / "bar" / "cut.png").write_bytes(b"cut")
    (pictures / "ring" / "set.npz").write_bytes(b"PK broken")
    archive = pack(pictures, tmp_path / "tuesday")

    batch = take_in(archive)

    (refused,) = [one.decision.reason for one in batch.outcomes if one.decision.outcome == "unreadable"]
    assert refused.startswith(f"{archive}: {pictures.name}/bar/cut.png is not a picture")
    assert batch.faults[0].startswith(f"{archive}: {pictures.name}/ring/set.npz")
    assert ".incoming-" not in " ".join(batch.in_words())


def test_a_row_of_a_table_costs_itself(home: Home, pictures: Path, tmp_path: Path, take_in: Ingest) -> None:
    picture("bar", 77).save(tmp_path / "outside.png")
    for place in ("a", "b"):
        (pictures / place).mkdir()
        shutil.copy(pictures / "bar" / "1.png", pictures / place / "same.png")
    table = pictures / "list.csv"
    table.write_text("file,label\nbar/0.png,bar\nring/0.png,ring\n../outside.png,bar\nsame,bar\nring/1.png,\n")

    batch = take_in(table)

    refused = [one.decision.reason for one in batch.outcomes if one.decision.outcome == "unreadable"]
    assert batch.counts == {STORED: 2, "unreadable": 2, UNLABELLED: 1}
    assert "list.csv, row 4: there is no picture '../outside.png' in or below its folder" in refused[0]
    assert "list.csv, row 5: 'same' may be " in refused[1]


def test_pictures_of_a_table_that_cannot_be_used_do_not_get_their_folders_name(
    home: Home, pictures: Path, tmp_path: Path, take_in: Ingest
) -> None:
    sorted_by_hand = shutil.copytree(pictures, tmp_path / "sorted")
    (pictures / "list.csv").write_text("file,label\nbar/0.png,ring,one more\n")
    with pytest.raises(DataError, match=r"list\.csv, row 2: 3 columns"):
        take_in(pictures)

    batch = take_in(pictures, sorted_by_hand)

    assert batch.counts == {STORED: 20}
    assert [fault for fault in batch.faults if "bar/1.png: left out" in fault]
    assert "Not read: 16 more." in batch.in_words()


def test_numbered_tables_of_a_folder_are_all_taken(home: Home, tmp_path: Path, take_in: Ingest) -> None:
    rows = np.random.default_rng(0).integers(0, 256, (8, 37))
    rows[:, 0] = np.arange(8) % 2
    header = ",".join(["label", *(f"pixel{number}" for number in range(36))])
    for number, part in enumerate(np.split(rows, 2)):
        (tmp_path / "set").mkdir(exist_ok=True)
        np.savetxt(tmp_path / "set" / f"train-{number}.csv", part, "%d", ",", header=header, comments="")

    assert take_in(tmp_path / "set", kind="as-is", size=None).counts == {STORED: 8}


def test_other_tables_of_a_competition_are_named(pictures: Path, tmp_path: Path, take_in: Ingest) -> None:
    folder = as_competition(pictures, tmp_path / "competition")
    (folder / "test.csv").write_text("id\nim0\nim1\n")

    batch = take_in(folder)

    assert batch.counts == {STORED: 20}
    assert batch.faults == ("test.csv: of a competition, only the training images are taken.",)


@pytest.mark.slow
def test_a_file_that_kills_its_process_costs_itself(pictures: Path) -> None:
    items = [Item(path.name, path, "bar") for path in sorted(pictures.rglob("*.png"))] * 20
    items[100] = Item("deadly.png", items[100].content, "bar")
    preparation = ingest.declaring.terms_of(None, items, Wishes("fit", "12,12,1"), new_classes=False).preparation

    found = [one for chunk in prepare_all(items, preparation, 2, work=_deadly) for one in chunk]

    assert len(found) == 400
    assert [number for number, one in enumerate(found) if one.fault] == [100]
    assert "deadly.png crashed the process" in found[100].fault


@pytest.mark.slow
def test_ctrl_c_ends_the_processes_without_a_traceback(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    path = next(pictures.rglob("*.png"))
    items = [Item(path.name, path, "bar")] * 64 * 16
    preparation = ingest.declaring.terms_of(None, items, Wishes("fit", "12,12,1"), new_classes=False).preparation

    def press() -> None:
        while len(list(path.parent.glob("*.busy"))) < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=press, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        next(prepare_all(items, preparation, 2, work=_slow))
    signal.signal(signal.SIGINT, before)

    assert failed == []


def _slow(item: Item, preparation: object) -> Prepared:
    assert isinstance(item.content, Path)
    item.content.with_suffix(f".{os.getpid()}.busy").touch()
    time.sleep(0.2)
    return prepare_item(item, preparation)  # type: ignore[arg-type]


def _deadly(item: Item, preparation: object) -> Prepared:
    if item.name == "deadly.png":
        import os

        os._exit(9)
    return prepare_item(item, preparation)  # type: ignore[arg-type]


def test_copies_are_counted_and_what_came_twice_is_stored_once(home: Home, pictures: Path, take_in: Ingest) -> None:
    shutil.copy(pictures / "bar" / "1.png", pictures / "bar" / "again.png")
    first, second = take_in(pictures), take_in(pictures)

    assert first.counts == {STORED: 20, COPY: 1}
    assert second.counts == {COPY: 21}
    assert snapshots.numbers(home.datasets / NAME) == [1]
    assert second.after == first.after


def test_labels_that_contradict_each_other_wait_for_a_person(home: Home, pictures: Path, take_in: Ingest) -> None:
    shutil.copy(pictures / "bar" / "1.png", pictures / "ring" / "also.png")
    first = take_in(pictures)
    (pictures / "ring" / "2.png").write_bytes((pictures / "bar" / "2.png").read_bytes())
    second = take_in(pictures)

    assert first.counts == {STORED: 19, CONFLICT: 1, COPY: 1}
    assert second.counts[CONFLICT] == 1, "the stored bar 2 came again, and as a ring as well"
    (pictures / "ring" / "3.png").write_bytes((pictures / "bar" / "3.png").read_bytes())
    (pictures / "bar" / "3.png").unlink()
    take_in(pictures)
    assert [entry.reason for entry in quarantine.waiting(home.datasets / NAME)] == [
        "bar/1.png is labelled bar, but its copy ring/also.png is labelled ring.",
        "bar/2.png is labelled bar, as it is stored, but its copy ring/2.png is labelled ring.",
        "ring/3.png is labelled ring, but it is stored as bar.",
    ]


def test_unknown_classes_are_refused_unless_asked_for(
    home: Home, pictures: Path, tmp_path: Path, take_in: Ingest
) -> None:
    take_in(pictures)
    mixed = write_pictures(write_pictures(tmp_path / "mixed", range(3), ("cross",)), range(20, 23), ("bar",))

    refused = take_in(mixed)
    added = take_in(mixed, new_classes=True)

    assert refused.counts == {STORED: 3, UNKNOWN_CLASS: 3}
    assert added.counts == {STORED: 3, COPY: 3}
    assert added.after is not None
    assert added.after.classes == ("bar", "ring", "cross")
    assert added.after.class_counts == {"bar": 13, "ring": 10, "cross": 3}
    assert len(sources.load(f"{NAME}@1", datasets=home.datasets).classes) == 2, "an older snapshot keeps its classes"


def test_a_batch_of_unknown_classes_alone_is_an_error(pictures: Path, tmp_path: Path, take_in: Ingest) -> None:
    take_in(pictures)

    with pytest.raises(DataError, match=r"there is no class cross.*--new-classes"):
        take_in(write_pictures(tmp_path / "cross", range(3), ("cross",)))


def test_one_label_for_all(pictures: Path, take_in: Ingest) -> None:
    batch = take_in(pictures / "bar", pictures / "ring", label="thing")

    assert batch.after is not None
    assert batch.after.class_counts == {"thing": 20}


def test_surplus_of_a_class_is_set_aside(home: Home, tmp_path: Path, take_in: Ingest) -> None:
    uneven = write_pictures(write_pictures(tmp_path / "uneven", range(4), ("ring",)), range(20), ("bar",))
    batch = take_in(uneven, max_ratio=2.0)

    assert batch.after is not None
    assert batch.after.class_counts == {"bar": 8, "ring": 4}
    assert batch.counts == {STORED: 12, SURPLUS: 12}


def test_classes_far_from_the_others_are_named(tmp_path: Path, take_in: Ingest) -> None:
    folder = write_pictures(tmp_path / "uneven", range(20), ("bar", "ring", "cross"))
    batch = take_in(write_pictures(folder, range(4), ("dot",)))

    assert "Class dot has 4 images; the median class has 20." in batch.in_words()


def test_near_copies_of_benchmark_images_are_set_aside(
    home: Home, pictures: Path, tmp_path: Path, take_in: Ingest
) -> None:
    take_in(pictures)
    data = sources.load(NAME, datasets=home.datasets)
    order = np.argsort(data.digests)
    judges = np.zeros(len(data), np.uint8)
    judges[data.labels[order] == 0] = roles.BENCHMARK
    role_records.save(home, NAME, Roles(data.digests[order], judges))
    noisy = tmp_path / "noisy" / "bar"
    noisy.mkdir(parents=True)
    for number in range(3):
        pixels = np.asarray(picture("bar", number)).astype(int)
        pixels[10:12, 10:12] = np.clip(pixels[10:12, 10:12] + 9, 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(noisy / f"{number}.png" if number else noisy.parent / "0.png")
    write_pictures(tmp_path / "noisy", range(40, 43), ("ring",))

    batch = take_in(tmp_path / "noisy")

    assert batch.counts == {NEAR_COPY: 3, STORED: 3}
    twins = {entry.twin: Path(entry.source).name for entry in quarantine.waiting(home.datasets / NAME)}
    found = {one.digest: Path(one.source).name for one in stored(home) if one.digest in twins}
    assert found == twins, "what each one resembles, labelled or not"
    assert {ReviewQueue(home, NAME).next("Ada").twin} <= {one.png for one in stored(home)}


def test_labels_that_the_champion_doubts_are_set_aside(
    home: Home, pictures: Path, tmp_path: Path, take_in: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(pictures)
    monkeypatch.setattr(ingest.opinions, "champion_of", lambda home, dataset, shape: _SureOfRings())
    batch = take_in(write_pictures(tmp_path / "more", range(20, 23)))

    assert batch.counts == {DOUBTED: 3, STORED: 3}
    reasons = {entry.reason for entry in quarantine.waiting(home.datasets / NAME)}
    assert "bar/20.png: labelled bar, the champion predicts ring (99.9 %)." in reasons


class _SureOfRings(Application):
    """A champion that sees rings everywhere."""

    def __init__(self) -> None:
        super().__init__(_Deployment())  # type: ignore[arg-type]

    classes = ("bar", "ring")  # type: ignore[assignment]

    def predict(self, images: object) -> np.ndarray:
        return np.tile(np.array([[0.001, 0.999]], np.float32), (len(images.ids), 1))  # type: ignore[attr-defined]


class _Deployment:
    id = "champion-1"


def test_where_an_image_came_from_is_kept(home: Home, pictures: Path, take_in: Ingest) -> None:
    batch = take_in(pictures, labelled_by="Ada")
    entry = stored(home)[0]

    assert (entry.source, entry.labelled_by, entry.selection) == ("bar/0.png", "Ada", shards.ARRIVED)
    assert entry.batch == batch.id
    assert entry.arrived_at.endswith("Z")


def test_the_preparation_is_declared_once(pictures: Path, take_in: Ingest) -> None:
    take_in(pictures)

    with pytest.raises(SettingsError, match="prepared as fit, 12 x 12, grey"):
        take_in(pictures, kind="crop")
    with pytest.raises(SettingsError, match="leave out --as, --image-size and --polarity"):
        take_in(pictures, size="20,20")
    assert take_in(pictures, kind="fit", size="12,12").counts == {COPY: 20}


@pytest.mark.parametrize("name", ["mnist", "auto", "../up", "Upper", "a@1", ""])
def test_a_name_that_is_unsafe_or_taken_is_refused(pictures: Path, take_in: Ingest, name: str) -> None:
    with pytest.raises(SettingsError, match="cannot name a dataset"):
        take_in(pictures, dataset=name)


def test_mixed_sizes_need_a_size(pictures: Path, tmp_path: Path, home: Home, take_in: Ingest) -> None:
    picture("bar", 3, size=50).save(pictures / "bar" / "large.png")

    with pytest.raises(SettingsError, match="as in --image-size 28,28\\."):
        take_in(pictures, size=None)
    assert take_in(pictures, size="28,28").preparation.shape == (28, 28, 1), "grey, as they are"


def test_digits_are_prepared_as_mnist_without_a_word(home: Home, tmp_path: Path, take_in: Ingest) -> None:
    for digit in ("0", "1"):
        (tmp_path / "digits" / digit).mkdir(parents=True)
        for number in range(4):
            kind = "ring" if digit == "0" else "bar"
            picture(kind, number, size=60 + number, inverted=number % 2 == 0).save(
                tmp_path / "digits" / digit / f"{number}.png"
            )
    batch = take_in(tmp_path / "digits", kind=None, size=None)

    assert (batch.preparation.kind, batch.preparation.shape) == ("digit", (28, 28, 1))
    assert batch.polarities == {"light-on-dark": 4, "dark-on-light": 4}
    assert {entry.polarity for entry in stored(home)} == {"light-on-dark", "dark-on-light"}


@pytest.mark.parametrize(("polarity", "grounds"), [("light-on-dark", {0}), ("dark-on-light", {255}), (None, {0, 255})])
def test_pictures_of_both_polarities_are_stored_in_the_declared_one(
    home: Home, tmp_path: Path, take_in: Ingest, polarity: str | None, grounds: set[int]
) -> None:
    for kind in ("bar", "ring"):
        (tmp_path / "letters" / kind).mkdir(parents=True)
        for number in range(4):
            one = picture(kind, number, inverted=number % 2 == 0)
            one.point(lambda level: 255 * (level > 127)).save(tmp_path / "letters" / kind / f"{number}.png")

    batch = take_in(tmp_path / "letters", size="40,40,1", polarity=polarity)

    data = sources.load(NAME, datasets=home.datasets)
    assert {int(np.median(image)) for image in data.images} == grounds
    assert batch.polarities == ({"light-on-dark": 4, "dark-on-light": 4} if polarity else {})
    assert batch.preparation.polarity == (polarity or "any")
    other = "dark-on-light" if polarity == "light-on-dark" else "light-on-dark"
    with pytest.raises(SettingsError, match="leave out --as, --image-size and --polarity"):
        take_in(tmp_path / "letters", polarity=other)
    assert take_in(tmp_path / "letters", polarity=polarity).counts == {"copy": 8}


@pytest.mark.parametrize(
    ("wishes", "sentence"),
    [
        ({"polarity": "negative"}, "--polarity 'negative' is unknown: choose from light-on-dark, dark-on-light, any"),
        ({"kind": "digit", "polarity": "any"}, "leave out --polarity any, or choose another --as"),
    ],
)
def test_a_polarity_that_means_nothing_is_refused(
    pictures: Path, take_in: Ingest, wishes: dict[str, str], sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        take_in(pictures, **wishes)


def test_a_class_that_no_folder_can_be_named_after_is_refused(tmp_path: Path, take_in: Ingest) -> None:
    content = io.BytesIO()
    picture("bar", 1).save(content, "PNG")
    table = pa.table({"image": [content.getvalue()] * 2, "label": ["../../up", "ring"]})
    pq.write_table(table, tmp_path / "bad.parquet")

    with pytest.raises(DataError, match="cannot be the name of a folder"):
        take_in(tmp_path / "bad.parquet")


def evil_zip(path: Path, name: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, b"x")
    return path


@pytest.mark.parametrize("name", ["../up.png", "/tmp/up.png", "a/../../up.png", "..\\up.png", "C:\\up.png"])
def test_an_archive_cannot_write_outside_its_folder(tmp_path: Path, home: Home, take_in: Ingest, name: str) -> None:
    before = {path for path in tmp_path.rglob("*") if "home" not in path.parts}
    archive = evil_zip(tmp_path / "evil.zip", name)

    with pytest.raises(DataError, match="outside its own folder"):
        take_in(archive)
    assert {path for path in tmp_path.rglob("*") if "home" not in path.parts} == before | {archive}


def test_links_in_an_archive_are_left_out(tmp_path: Path, home: Home, take_in: Ingest) -> None:
    picture("bar", 1).save(tmp_path / "own.png")
    with tarfile.open(tmp_path / "links.tar", "w") as archive:
        link = tarfile.TarInfo("bar/secret.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        archive.add(tmp_path / "own.png", "bar/own.png")

    assert [one.arrival.name for one in take_in(tmp_path / "links.tar").outcomes] == ["bar/own.png"]


def test_an_archive_that_unpacks_without_end_is_refused(
    tmp_path: Path, take_in: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "LEAST_ALLOWED_BYTES", 4_000_000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(5):
            archive.writestr(f"bar/{number}.png", b"\0" * 1_000_000)

    with pytest.raises(DataError, match="far more than its size suggests"):
        take_in(tmp_path / "bomb.zip")


def test_a_dataset_of_the_hub_comes_in_with_its_parts(home: Home, pictures: Path, tmp_path: Path, desk: Desk) -> None:
    def download(repo_id: str, folder: Path) -> None:
        assert repo_id == "someone/shapes"
        (folder / "data").mkdir(parents=True)
        shutil.copy(as_parquet(pictures, tmp_path / "a"), folder / "data" / "train-00000-of-00001.parquet")
        more = write_pictures(tmp_path / "more", range(50, 53))
        shutil.copy(as_parquet(more, tmp_path / "b"), folder / "data" / "test-00000-of-00001.parquet")
        (folder / "data" / "broken.npz").write_bytes(b"PK broken")
        (folder / "data" / "cut.png").write_bytes(b"cut")

    order = ingest.Order(("hf:someone/shapes",), NAME, wishes=Wishes("fit", "12,12,1"))
    batch = ingest.ingest(home, order, replace(desk, download=download), lambda done, total: None)

    assert batch.faults[0].startswith("hf:someone/shapes: data/broken.npz")
    assert "Refused as unreadable: 1. data/cut.png is not a picture" in " ".join(batch.in_words())
    assert [entry.selection for entry in stored(home)].count(shards.TESTING) == 6
    assert [entry.selection for entry in stored(home)].count(shards.TRAINING) == 20
