"""The benchmark of scores: splits that hide their labels, and points that are measured once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import score, score_splits
from pipeline.contracts import LabelledImages
from pipeline.data import competition_form, sample_submission, sources
from pipeline.models import registry
from pipeline.models.parameters import parse_overrides

LABELLED = 100


@pytest.fixture
def labelled(data: Path, monkeypatch: pytest.MonkeyPatch) -> LabelledImages:
    """The small dataset in the place of MNIST."""
    found = sources.load(str(data))
    monkeypatch.setattr(score_splits, "LABELLED", LABELLED)
    monkeypatch.setattr(sources, "load", lambda *_, **__: found)
    return found


def test_a_split_has_the_form_of_a_competition_and_hides_its_labels(labelled: LabelledImages, tmp_path: Path) -> None:
    split = score_splits.split_folder(3, tmp_path)
    assert sorted(path.name for path in split.iterdir()) == ["sample_submission.csv", "test.csv", "train.csv"]
    form = competition_form.read(split, "split")
    known = sources.read_file(form.train).part
    asked = competition_form.test_images(form, labelled.shape, None, print)
    assert (len(known.images), len(asked.images)) == (LABELLED, len(labelled) - LABELLED)
    order = np.random.default_rng(3).permutation(len(labelled))
    assert (known.images == labelled.images[order[:LABELLED]]).all()
    assert (known.labels == labelled.labels[order[:LABELLED]]).all()
    assert (asked.images == labelled.images[order[LABELLED:]]).all()
    assert "label" not in (split / "test.csv").read_text()

    truth = labelled.labels[order[LABELLED:]]
    submission = tmp_path / "submission.csv"
    score_splits._write_submission(submission, truth)
    assert score_splits.score(submission, split) == 1.0
    assert score_splits.score(split / "sample_submission.csv", split) == (truth == 0).mean()
    assert sample_submission.read(submission).ids == form.sample.ids
    score_splits._write_submission(submission, truth[:-1])
    with pytest.raises(ValueError, match="has not the ids of"):
        score_splits.score(submission, split)


def test_equal_seeds_give_equal_splits_and_others_other_ones(labelled: LabelledImages, tmp_path: Path) -> None:
    first, again, other = (
        score_splits.split_folder(seed, tmp_path / name).joinpath("train.csv").read_bytes()
        for seed, name in ((0, "a"), (0, "b"), (1, "a"))
    )
    assert first == again != other


def test_what_was_measured_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def measured(name: str, seed: int) -> score.Measured:
        if len(asked) == 3:
            raise KeyboardInterrupt
        asked.append((name, seed))
        return score.Measured(name, score.POINTS[name], seed, 0.99 + seed / 1000, 10, 20, "today", "here")

    monkeypatch.setattr(score, "FILE", tmp_path / "score.jsonl")
    monkeypatch.setattr(score, "_measured", measured)
    points = ("quick", "deep, refit")
    with pytest.raises(KeyboardInterrupt):
        score.main(points, 2)
    assert asked == [("quick", 0), ("deep, refit", 0), ("quick", 1)]
    asked.clear()
    section = score.main(points, 2)
    assert asked == [("deep, refit", 1)]
    assert "| quick | `--models cnn --effort quick` | 0.9905 ± 0.0007 (n = 2) | 10 ± 0 (n = 2) |" in section
    assert "--refit 1`" in section
    assert score.main(known_only=True) == section
    changed = {**score.POINTS, "quick": ("--models", "cnn")}
    monkeypatch.setattr(score, "POINTS", changed)
    assert "| quick |" not in score.main(known_only=True), "another command is another point"
    with pytest.raises(SystemExit, match="no point 'fast'"):
        score.main(("fast",))


def test_every_point_names_a_recipe_and_parameters_that_there_are() -> None:
    for words in score.POINTS.values():
        given = dict(zip(words[::2], words[1::2], strict=True))
        assert {name.removeprefix("--") for name in given} <= {"models", "effort", "folds", "set", "refit"}
        sets = [value for name, value in zip(words[::2], words[1::2], strict=True) if name == "--set"]
        for recipe, values in parse_overrides(sets).items():
            assert recipe == given["--models"]
            registry.parameters_of(registry.find(recipe), values)
        registry.find(given["--models"])
