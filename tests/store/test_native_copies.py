"""Only what the manifest lists of a native model is ever loaded."""

from pathlib import Path

import pytest
from store_builders import MakeVersion

from pipeline.errors import StoreError
from pipeline.inspection import evaluation


def test_a_checkpoint_that_is_not_listed_is_not_loaded(make_version: MakeVersion, tmp_path: Path) -> None:
    version = make_version("1-whole")
    (version.folder / "native" / "checkpoints" / "epoch-002.weights.h5").write_bytes(b"foreign")
    evaluation._copy_native(version, tmp_path / "copy")
    copied = {
        path.relative_to(tmp_path / "copy").as_posix() for path in (tmp_path / "copy").rglob("*") if path.is_file()
    }
    assert copied == {"native/model.joblib", "native/checkpoints/epoch-001.weights.h5"}


def test_a_changed_checkpoint_is_not_loaded(make_version: MakeVersion, tmp_path: Path) -> None:
    version = make_version("1-whole")
    (version.folder / "native" / "checkpoints" / "epoch-001.weights.h5").write_bytes(b"changed")
    with pytest.raises(StoreError, match="was changed since the version was made"):
        evaluation._copy_native(version, tmp_path / "copy")
