"""What a recipe averages over at prediction: in the manifest, shown, and kept by a refit."""

from dataclasses import replace
from typing import Any

import pytest

from pipeline.models.sklearn_family import SklearnModel
from pipeline.orchestration import refitting
from pipeline.store import manifest, versions


def test_what_each_member_became_is_on_record(
    run: Any, command: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Members that choose, as `cnn` does, in a linear model's place."""
    fit, chosen = SklearnModel.fit, iter(["off", "cross", "cross"])
    monkeypatch.setattr(SklearnModel, "fit", lambda *given: replace(fit(*given), test_shifts=(next(chosen),)))
    version = run(folds=3).rows[0].version
    facts = manifest.read(version.folder)
    assert facts.test_shifts == ("off", "cross", "cross")
    assert versions.verify(version).damage is None
    status, out, _ = command("show", version.id, "--home", home.root)
    assert status == 0
    assert "shifts at prediction off, cross, cross" in " ".join(out.split())

    asked = {"recipe": "cnn", "parameters": {"effort": "quick", "test_shifts": "auto"}}
    of_cnn = facts.model_copy(update=asked)
    assert refitting._without_validation(of_cnn) == {"effort": "quick", "test_shifts": "cross"}, "what most became"
    not_asked = of_cnn.model_copy(update={"test_shifts": None, "parameters": {"test_shifts": "off"}})
    assert refitting._without_validation(not_asked) == {"test_shifts": "off"}


def test_a_recipe_that_was_not_asked_records_nothing(run: Any) -> None:
    assert "test_shifts" not in manifest.read(run().rows[0].version.folder).as_json()
