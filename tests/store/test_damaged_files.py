"""Whatever happens to a file of a version: one sentence that names it, the rest of the home unharmed."""

import errno
import io
import json
import os
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from known_facts import changed, manifest_of
from store_builders import MakeVersion

from pipeline.contracts import Version
from pipeline.errors import StoreError
from pipeline.facts.manifest_facts import Manifest
from pipeline.store import (
    disk,
    kept_arrays,
    manifest,
    repeats,
    scores,
    typed_files,
    version_arrays,
    version_folder,
    version_index,
    versions,
)
from pipeline.store.home import Home

CONTENTS = {
    "an empty list": b"[]",
    "null": b"null",
    "an empty object": b"{}",
    "nothing": b"",
    "a torn object": b'{"outcome": ',
    "100,000 brackets": b"[" * 100_000,
    "100,000 objects": b'{"a":' * 100_000,
    "no UTF-8": b'{"id": "\xff\xfe"}',
    "NaN": b'{"seed": NaN}',
    "a number of 10,000 digits": b'{"seed": ' + b"9" * 10_000 + b"}",
}
FILES = ("manifest.json", "scores.json", "verdict.json")


def relisted(version: Version, name: str, content: bytes) -> None:
    """Replace a file, and list it in the manifest as if it had always been so."""
    (version.folder / name).write_bytes(content)
    if name != manifest.NAME:
        manifest.complete(version.folder)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_a_file_that_holds_something_else_is_one_sentence_that_names_it(
    home: Home, make_version: MakeVersion, name: str, content: bytes
) -> None:
    harmed = make_version("1-harmed")
    make_version("2-whole")
    relisted(harmed, name, content)
    for listed in (versions.list_versions(home), version_index.summaries(home)):
        assert name in str(listed[0].damage)
        assert len(str(listed[0].damage)) < 600
        assert listed[1].damage is None
    with pytest.raises(StoreError, match="damaged"):
        versions.require_whole(versions.find(home, "1-harmed"))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=st.sampled_from(FILES), place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_no_changed_byte_of_what_a_listing_prints_goes_unnoticed(one: Version, name: str, place: int, bit: int) -> None:
    path = one.folder / name
    whole = path.read_bytes()
    content = bytearray(whole)
    content[place % len(content)] ^= 1 << bit
    path.write_bytes(bytes(content))
    try:
        found = version_folder.read(one.folder)
    finally:
        path.write_bytes(whole)
    # White space between the fields of the manifest says nothing.
    assert found.damage is not None or (name == manifest.NAME and found.known_manifest == one.known_manifest)


@pytest.fixture
def one(make_version: MakeVersion) -> Version:
    return make_version("1-one")


def edit(version: Version, name: str, change: Callable[[Any], None]) -> None:
    path = version.folder / name
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts))


EDITS = {
    "fail to pass": ("verdict.json", lambda facts: facts.update(outcome="pass")),
    "accuracy": ("scores.json", lambda facts: facts["accuracy"].update(value=0.999)),
    "classes": ("manifest.json", lambda facts: facts["dataset"]["classes"].reverse()),
    "shape": ("manifest.json", lambda facts: facts["dataset"].update(shape=[4, 4, 1])),
    "dataset": ("manifest.json", lambda facts: facts["dataset"].update(name="other")),
    "timings": ("manifest.json", lambda facts: facts["timings"].update(fit_seconds=0.001)),
    "format": ("manifest.json", lambda facts: facts.update(format=1)),
    "no seal": ("manifest.json", lambda facts: facts.pop("seal")),
    "unknown field": ("manifest.json", lambda facts: facts.update(extra=1)),
}


@pytest.mark.parametrize(("name", "change"), EDITS.values(), ids=EDITS)
def test_an_edited_fact_is_damage_and_never_shown(
    home: Home, make_version: MakeVersion, name: str, change: Callable[[Any], None]
) -> None:
    version = make_version("1-edited", "fail")
    version_index.summaries(home)
    edit(version, name, change)
    (listed,) = version_index.summaries(home)
    assert listed.damage is not None
    assert listed.outcome == "error" or name != "verdict.json"
    assert listed.accuracy is None or name != "scores.json"
    assert not listed.fully_verified


def test_a_verdict_edited_together_with_its_digest_contradicts_its_folder(
    home: Home, make_version: MakeVersion
) -> None:
    version = make_version("1-forged", "fail")
    edit(version, "verdict.json", lambda facts: facts.update(outcome="pass"))
    manifest.complete(version.folder)
    assert "says pass, but the folder is in" in str(versions.list_versions(home)[0].damage)


def test_a_manifest_of_a_newer_format_asks_for_an_update(make_version: MakeVersion) -> None:
    version = make_version("1-newer")
    edit(version, "manifest.json", lambda facts: facts.update(format=3, new_field="x"))
    with pytest.raises(StoreError, match=r"format 3, and this program reads formats up to 2: update"):
        manifest.read(version.folder)


@pytest.mark.parametrize(
    "name", ["../evil.txt", "/etc/passwd", "native/../../evil", "a//b", ".hidden", "", "a\\b", "a\n"]
)
def test_a_name_that_leads_out_of_the_folder_is_refused(make_version: MakeVersion, name: str) -> None:
    file = {"sha256": "0" * 64, "bytes": 1}
    for changes in ({"files": {name: file}}, {"native_file": name}):
        with pytest.raises(ValueError, match="String should match pattern"):
            manifest_of(**changes)
    version = make_version("1-out")
    edit(version, "manifest.json", lambda facts: facts["files"].update({name: file}))
    with pytest.raises(StoreError, match=r"manifest\.json is damaged: the field 'files"):
        manifest.read(version.folder)


def test_a_link_out_of_the_folder_is_not_followed(make_version: MakeVersion, tmp_path: Path) -> None:
    version = make_version("1-link")
    model = version.folder / "model.onnx"
    model.rename(tmp_path / "elsewhere.onnx")
    model.symlink_to(tmp_path / "elsewhere.onnx")
    assert "not a plain file" in str(versions.verify(version).damage)
    with pytest.raises(StoreError, match="points outside its folder"):
        versions.read_verified(version, "model.onnx")


def test_what_the_manifest_does_not_list_is_not_handed_out(make_version: MakeVersion) -> None:
    version = make_version("1-whole")
    (version.folder / "native" / "checkpoints" / "epoch-002.weights.h5").write_bytes(b"foreign")
    with pytest.raises(StoreError, match="lists no file"):
        versions.read_verified(version, "native/checkpoints/epoch-002.weights.h5")


def test_a_folder_that_cannot_be_read_stops_no_listing(
    home: Home, make_version: MakeVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked, opened = make_version("1-locked").folder, disk.open_to_read
    make_version("2-whole")

    def refuse(path: Path) -> Any:
        if locked in path.parents:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path)

    monkeypatch.setattr(disk, "open_to_read", refuse)
    for listed in (versions.list_versions(home), version_index.summaries(home)):
        assert "Permission denied" in str(listed[0].damage)
        assert listed[1].damage is None


def test_a_folder_in_the_place_of_a_file_stops_no_listing(home: Home, make_version: MakeVersion) -> None:
    for number, name in enumerate(FILES):
        harmed = make_version(f"{number}-harmed")
        (harmed.folder / name).unlink()
        (harmed.folder / name).mkdir()
    make_version("9-whole")
    assert [bool(one.damage) for one in versions.list_versions(home)] == [True, True, True, False]
    assert [bool(one.damage) for one in version_index.summaries(home)] == [True, True, True, False]


def archive(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def unknown_method() -> bytes:
    content = bytearray(archive(probabilities=np.ones((1, 2)), labels=np.zeros(1, int), digests=np.zeros(1, "V16")))
    for at in range(len(content) - 4):
        if content[at : at + 4] == b"PK\x01\x02":
            content[at + 10] = 99
    return bytes(content)


def one_array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ones(3))
    return buffer.getvalue()


ARCHIVES = {
    "objects": archive(probabilities=np.array([{}], object), labels=np.zeros(1, int), digests=np.zeros(1, "V16")),
    "an array missing": archive(probabilities=np.ones((1, 2))),
    "no archive": b"not an archive",
    "nothing": b"",
    "one array": one_array(),
    "cut off": archive(probabilities=np.ones((100, 2)))[:-40],
    "a method nobody knows": unknown_method(),
    "labels of text": archive(probabilities=np.ones((1, 2)), labels=np.array(["x"]), digests=np.zeros(1, "V16")),
    "other lengths": archive(probabilities=np.ones((2, 2)), labels=np.zeros(1, int), digests=np.zeros(1, "V16")),
    "digests of numbers": archive(probabilities=np.ones((1, 2)), labels=np.zeros(1, int), digests=np.zeros(1)),
}


@pytest.mark.parametrize("content", ARCHIVES.values(), ids=ARCHIVES)
def test_predictions_that_are_none_are_one_sentence(content: bytes) -> None:
    with pytest.raises(StoreError, match=r"predictions\.npz is damaged"):
        version_arrays.parse_predictions(content, Path("predictions.npz"))


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, 10**6), bit=st.integers(0, 7), cut=st.booleans())
def test_a_damaged_archive_is_a_sentence_or_still_whole(place: int, bit: int, cut: bool) -> None:
    content = bytearray(ARCHIVE)
    place %= len(content)
    if cut:
        del content[place:]
    else:
        content[place] ^= 1 << bit
    try:
        version_arrays.parse_predictions(bytes(content), Path("predictions.npz"))
    except StoreError as error:
        assert str(error).startswith("predictions.npz is damaged")


ARCHIVE = version_arrays.predictions_content(
    version_arrays.BenchmarkPredictions(np.ones((20, 2), np.float32), np.zeros(20, np.int64), np.zeros(20, "V16"))
)


def test_kept_predictions_count_only_for_their_model_their_images_and_their_content(tmp_path: Path) -> None:
    entry = kept_arrays.KeptArray(tmp_path, "probabilities", "a" * 64, "b" * 64)
    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    kept_arrays.write(entry, values)
    assert np.array_equal(kept_arrays.read(entry), values)
    other = kept_arrays.KeptArray(tmp_path, "probabilities", "a" * 63 + "0", "b" * 64)
    assert other.path == entry.path
    assert kept_arrays.read(other) is None
    with np.load(entry.path) as kept:
        digest = kept["sha256"]
    for content in (archive(values=values[::-1], sha256=digest), archive(values=values), b"", b"[]"):
        entry.path.write_bytes(content)
        assert kept_arrays.read(entry) is None


INDEXES: dict[str, Callable[[Path], Any]] = {
    "no database": lambda path: path.write_bytes(b"not a database at all" * 100),
    "empty": lambda path: path.write_bytes(b""),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "noise inside": lambda path: path.write_bytes(path.read_bytes()[:100] + os.urandom(8092)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "another layout": lambda path: _execute(path, "UPDATE versions SET entry = '{}'"),
    "another table": lambda path: _execute(path, "DROP TABLE versions; CREATE TABLE versions (x)"),
    "other facts": lambda path: _execute(path, "UPDATE versions SET entry = replace(entry, 'recipe', 'colour')"),
}


def _execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(statement)
    connection.close()


@pytest.mark.parametrize("harm", INDEXES.values(), ids=INDEXES)
def test_a_damaged_index_changes_nothing(
    home: Home, make_version: MakeVersion, harm: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version_index, "SETTLED_SECONDS", -1.0)
    make_version("1-good")
    make_version("2-bad", "fail")
    first = version_index.summaries(home)
    harm(home.cache / version_index.FILE)
    assert version_index.summaries(home) == first
    assert version_index.summaries(home) == first


def test_the_index_spares_the_reading_until_a_file_changes(
    home: Home, make_version: MakeVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version_index, "SETTLED_SECONDS", -1.0)
    version, read = make_version("1-good"), []
    make_version("2-good")
    original = version_index.version_folder.read
    monkeypatch.setattr(version_index.version_folder, "read", lambda path: (read.append(path.name), original(path))[1])
    for expected in (["1-good", "2-good"], [], []):
        read.clear()
        version_index.summaries(home)
        assert read == expected
    times = (version.folder / "scores.json").stat()
    edit(version, "scores.json", lambda facts: facts["accuracy"].update(value=0.6))
    os.utime(version.folder / "scores.json", ns=(times.st_atime_ns, times.st_mtime_ns))
    read.clear()
    assert version_index.summaries(home)[0].damage is not None
    assert read == ["1-good"]


def test_a_file_changed_a_moment_ago_is_not_indexed_yet(home: Home, make_version: MakeVersion) -> None:
    make_version("1-new")
    version_index.summaries(home)
    with version_index._opened(home) as index:
        assert version_index._entries(index) == {}


def test_a_removed_version_leaves_the_index(
    home: Home, make_version: MakeVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version_index, "SETTLED_SECONDS", -1.0)
    gone = make_version("1-gone")
    version_index.summaries(home)
    gone.folder.rename(home.root / "elsewhere")
    assert version_index.summaries(home) == []
    with version_index._opened(home) as index:
        assert version_index._entries(index) == {}


ROW = "cell,mnist,cnn,{},1000,1,3,9.5,10000,0.98,200,0.06,b\n"
TABLES = {
    "no UTF-8": b"\xff\xfe\n",
    "a column missing": (",".join(repeats.COLUMNS) + "\nonly,two\n").encode(),
    "a column too many": (",".join(repeats.COLUMNS) + "\n" + ROW.strip() + ",more\n").encode(),
    "text for a number": (",".join(repeats.COLUMNS) + "\n" + ROW.replace("0.98", "much")).encode(),
    "NaN": (",".join(repeats.COLUMNS) + "\n" + ROW.replace("0.98", "nan")).encode(),
}


@pytest.mark.parametrize("content", TABLES.values(), ids=TABLES)
def test_a_damaged_table_of_repeats_is_one_sentence(home: Home, content: bytes) -> None:
    repeats.file(home).parent.mkdir(parents=True)
    repeats.file(home).write_bytes(content)
    with pytest.raises(StoreError, match=r"repeats\.csv.* is damaged"):
        repeats.by_cell(home)


def test_repeats_from_before_they_named_their_parameters_are_read(home: Home) -> None:
    columns = [name for name in repeats.COLUMNS if name != "parameters"]
    repeats.file(home).parent.mkdir(parents=True)
    repeats.file(home).write_text(",".join(columns) + "\n" + ROW.replace("{},", ""))
    (row,) = repeats.read(home)
    assert row.parameters == "{}"
    repeats.record(home, changed(row, cell="another"))
    assert [one.cell for one in repeats.read(home)] == ["cell", "another"]


def test_an_empty_table_of_repeats_is_no_repeats(home: Home) -> None:
    repeats.file(home).parent.mkdir(parents=True)
    repeats.file(home).touch()
    assert repeats.read(home) == []


def test_a_sentence_names_the_field_and_repeats_none_of_the_content() -> None:
    secret = json.dumps(manifest_of().as_json() | {"seed": "a secret " * 1000}).encode()
    with pytest.raises(StoreError, match="the field 'seed'") as caught:
        manifest.parse(secret, Path("manifest.json"))
    assert "secret" not in str(caught.value)


def test_facts_written_are_the_facts_read(make_version: MakeVersion) -> None:
    version = make_version("1-good")
    assert manifest.read(version.folder) == version.manifest
    assert scores.read(version.folder) == version.scores
    assert isinstance(version.manifest, Manifest)
    assert typed_files.parse_json(b"1", Path("x")) == 1


def test_an_encrypted_archive_is_one_sentence() -> None:
    content = bytearray(ARCHIVE)
    with zipfile.ZipFile(io.BytesIO(ARCHIVE)) as opened:
        for entry in opened.infolist():
            content[entry.header_offset + 6] |= 1
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        content[at + 8] |= 1
        at = content.find(b"PK\x01\x02", at + 1)
    with pytest.raises(StoreError, match="is damaged"):
        version_arrays.parse_predictions(bytes(content), Path("predictions.npz"))


def test_what_could_not_be_read_again_is_not_written(make_version: MakeVersion) -> None:
    version = make_version("1-whole")
    before = (version.folder / "manifest.json").read_bytes()
    with pytest.raises(StoreError, match="files"):
        manifest.write(version.folder, version.manifest.model_copy(update={"files": {"../x": {}}}))
    assert (version.folder / "manifest.json").read_bytes() == before
