"""Versions are write-once, verified, and a damaged one stops no other."""

import json
from pathlib import Path

import pytest
from store_builders import MakeVersion

from pipeline.contracts import Version
from pipeline.errors import StoreError
from pipeline.store import versions
from pipeline.store.home import Home


def test_an_outcome_decides_where_a_version_stands(home: Home, make_version: MakeVersion) -> None:
    passed, failed = make_version("1-good", "pass"), make_version("2-bad", "fail")
    assert passed.folder == home.versions / "1-good"
    assert failed.folder == home.failed / "2-bad"
    assert [version.id for version in versions.list_versions(home)] == ["1-good", "2-bad"]
    assert list(home.staging.iterdir()) == []


def test_the_manifest_names_every_file_with_its_digest(make_version: MakeVersion) -> None:
    version = make_version("1-good")
    on_disk = {p.relative_to(version.folder).as_posix() for p in version.folder.rglob("*") if p.is_file()}
    assert set(version.manifest.files) == on_disk - {"manifest.json"}
    assert versions.verify(version).damage is None


def remove_model(version: Version) -> None:
    (version.folder / "model.onnx").unlink()


def truncate_model(version: Version) -> None:
    (version.folder / "model.onnx").write_bytes(b"short")


def change_one_byte(version: Version) -> None:
    path = version.folder / "model.onnx"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def change_the_manifest(version: Version) -> None:
    path = version.folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"recipe": "better"}))


def empty_the_manifest(version: Version) -> None:
    (version.folder / "manifest.json").write_text("{}")


def tear_the_verdict(version: Version) -> None:
    (version.folder / "verdict.json").write_text('{"outcome": ')


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (remove_model, "model.onnx is missing"),
        (truncate_model, "model.onnx has 5 bytes instead of"),
        (change_one_byte, "model.onnx was changed since the version was made"),
        (change_the_manifest, "its seal no longer matches"),
        (empty_the_manifest, "the field 'format' is missing"),
        (tear_the_verdict, "verdict.json"),
    ],
)
def test_damage_is_named_refused_and_stops_no_other(
    home: Home, make_version: MakeVersion, harm: object, sentence: str
) -> None:
    harmed = make_version("1-harmed")
    make_version("2-whole")
    harm(harmed)  # type: ignore[operator]
    listed = [versions.verify(version) for version in versions.list_versions(home)]
    assert sentence in str(listed[0].damage)
    assert listed[1].damage is None
    with pytest.raises(StoreError, match="damaged"):
        versions.require_whole(listed[0])


def test_a_changed_file_is_never_handed_out(make_version: MakeVersion) -> None:
    version = make_version("1-good")
    change_one_byte(version)
    with pytest.raises(StoreError, match="was changed since the version was made"):
        versions.read_verified(version, "model.onnx")


def test_find_takes_a_part_that_fits_one(home: Home, make_version: MakeVersion) -> None:
    make_version("1-cnn-aa")
    make_version("2-cnn-bb")
    assert versions.find(home, "bb").id == "2-cnn-bb"
    with pytest.raises(StoreError, match="matches 2 versions"):
        versions.find(home, "cnn")
    with pytest.raises(StoreError, match="no version 'xgb'"):
        versions.find(home, "xgb")


def test_find_prefers_whole_parts_of_an_id(home: Home, make_version: MakeVersion) -> None:
    make_version("1-cnn-12000-aa")
    make_version("2-cnn-1200-bb")
    assert versions.find(home, "cnn-1200").id == "2-cnn-1200-bb"
    assert versions.find(home, "cnn-12000").id == "1-cnn-12000-aa"
    with pytest.raises(StoreError, match="matches 2 versions"):
        versions.find(home, "cnn-120")


def test_an_empty_home_has_no_versions(home: Home) -> None:
    assert versions.list_versions(home) == []
    assert not Path(home.root).exists()
