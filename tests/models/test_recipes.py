"""Every recipe: it learns, it exports to the same model, it comes back from disk, it keeps its history."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from _pytest.mark import ParameterSet
from model_training import QUICK, Digits, Trained, accuracy, fit, train
from quick_cases import quick

from pipeline.errors import ModelError
from pipeline.inference.predictor import OnnxPredictor
from pipeline.models import cnn_training, native, registry
from pipeline.models.fitting import FitRequest
from pipeline.models.shifting import shifted
from pipeline.models.temperature import calibrated, expected

LONG = {"cnn_ensemble", "cnn_baseline", "cnn_dropout", "cnn_batchnorm"}
"""They share their code with `cnn` or `mlp` and take seconds each: in tests of every recipe these are long tests."""


def _params(names: list[str]) -> list[ParameterSet]:
    return quick(names, *(set(names) - LONG))


NAMES = _params([recipe.name for recipe in registry.RECIPES])
LEARNERS = _params([recipe.name for recipe in registry.RECIPES if recipe.name != "dummy"])
DETERMINISTIC = _params([recipe.name for recipe in registry.RECIPES if recipe.deterministic])
WITH_CHECKPOINTS = _params(
    [recipe.name for recipe in registry.RECIPES if recipe.family == "keras" and recipe.name != "cnn_ensemble"]
)


@pytest.mark.parametrize("name", LEARNERS)
def test_it_learns_far_more_than_the_floor(name: str, trained: Callable[[str], Trained], digits: Digits) -> None:
    floor = accuracy(trained("dummy").model.predict(digits.test), digits.test_labels)
    assert floor < 0.2
    assert accuracy(trained(name).model.predict(digits.test), digits.test_labels) > 0.8


@pytest.mark.parametrize("name", NAMES)
def test_probabilities_have_the_promised_form(name: str, trained: Callable[[str], Trained], digits: Digits) -> None:
    probabilities = trained(name).model.predict(digits.test)
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (len(digits.test), 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_exported_file_predicts_the_same(name: str, trained: Callable[[str], Trained], digits: Digits) -> None:
    natively = trained(name).model.predict(digits.test)
    exported = OnnxPredictor(trained(name).onnx).predict(digits.test)
    assert np.array_equal(exported.argmax(axis=1), natively.argmax(axis=1))
    assert np.abs(exported - natively).max() <= 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_the_exported_file_has_the_one_form_that_is_served(name: str, trained: Callable[[str], Trained]) -> None:
    model = onnx.load(trained(name).onnx, load_external_data=False)
    (images,), (probabilities,) = model.graph.input, model.graph.output
    form = {
        value.name: (
            value.type.tensor_type.elem_type,
            [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim],
        )
        for value in (images, probabilities)
    }
    assert form == {
        "images": (onnx.TensorProto.UINT8, ["N", 28, 28, 1]),
        "probabilities": (onnx.TensorProto.FLOAT, ["N", 10]),
    }
    assert {entry.domain: entry.version for entry in model.opset_import}[""] == 18
    assert not any(onnx.external_data_helper.uses_external_data(tensor) for tensor in model.graph.initializer)


@pytest.mark.parametrize("name", NAMES)
def test_it_comes_back_from_its_native_file(name: str, trained: Callable[[str], Trained], digits: Digits) -> None:
    before = trained(name)
    after = native.load(before.native_format, before.native_file, shape=(28, 28, 1), n_classes=10)
    np.testing.assert_array_equal(after.predict(digits.test), before.model.predict(digits.test))
    assert after.weights == before.model.weights


@pytest.mark.parametrize("name", NAMES)
def test_history_and_progress_tell_the_same(name: str, trained: Callable[[str], Trained]) -> None:
    run = trained(name)
    assert [row["step"] for row in run.history.rows] == list(range(1, len(run.history.rows) + 1))
    assert [step for step, _, _ in run.reported] == [row["step"] for row in run.history.rows]
    assert "validation_accuracy" in run.history.rows[-1]
    assert run.reported[-1][2]["accuracy"] == pytest.approx(run.history.rows[-1]["accuracy"])


@pytest.mark.parametrize("name", WITH_CHECKPOINTS)
def test_every_epoch_leaves_a_checkpoint(name: str, trained: Callable[[str], Trained], digits: Digits) -> None:
    run = trained(name)
    folder = run.native_file.parent / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"epoch-{row['step']:03d}.weights.h5" for row in run.history.rows
    ]
    best = native.load("keras", run.native_file, shape=(28, 28, 1), n_classes=10, checkpoint=run.history.best_step)
    first = native.load("keras", run.native_file, shape=(28, 28, 1), n_classes=10, checkpoint=1)
    # The temperature that cnn sets at the very end changes probabilities, never labels.
    labels = run.model.predict(digits.test).argmax(axis=1)
    np.testing.assert_array_equal(best.predict(digits.test).argmax(axis=1), labels)
    assert not np.array_equal(first.predict(digits.test), run.model.predict(digits.test))


def test_the_checkpoints_of_trees_are_their_rounds(trained: Callable[[str], Trained], digits: Digits) -> None:
    run = trained("xgboost_2018")
    scores = {
        rounds: accuracy(
            native.load("xgboost", run.native_file, shape=(28, 28, 1), n_classes=10, checkpoint=rounds).predict(
                digits.validation
            ),
            digits.validation_labels,
        )
        for rounds in (1, 9)
    }
    assert scores[9] > scores[1]
    assert scores[1] == pytest.approx(run.history.rows[0]["validation_accuracy"], abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", DETERMINISTIC)
def test_the_same_seed_gives_the_same_model(name: str, digits: Digits) -> None:
    short = {"epochs": 1, "rounds": 3, "effort": "quick", "batch_size": 32, "max_iter": 5}
    first, again = (fit(name, digits.first(200), short, seed=7).model.predict(digits.test) for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cnn", "xgboost"])
def test_another_seed_gives_another_model(name: str, digits: Digits) -> None:
    short = {"epochs": 1, "rounds": 3, "effort": "quick", "batch_size": 32}
    first, other = (fit(name, digits.first(200), short, seed=seed).model.predict(digits.test) for seed in (7, 8))
    assert not np.array_equal(first, other)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("cnn", {"effort": "quick", "epochs": 100, "batch_size": 30}),
        ("cnn_baseline", {"epochs": 30, "patience": 0}),
        ("mlp", {"epochs": 40}),
        ("xgboost", {"rounds": 40, "patience": 0}),
        ("logistic", {"C": 100.0}),
    ],
)
def test_it_can_learn_a_tiny_set_by_heart(name: str, overrides: dict[str, float], digits: Digits) -> None:
    tiny = digits.first(30).validating(0)
    assert accuracy(fit(name, tiny, overrides).model.predict(tiny.train), tiny.train_labels) == 1.0


@pytest.mark.parametrize("down, right", [(0, 1), (0, -1), (1, 0), (-1, 0)])
def test_cnn_does_not_mind_a_shift_of_one_pixel(
    down: int, right: int, trained: Callable[[str], Trained], digits: Digits
) -> None:
    model = trained("cnn").model
    still = accuracy(model.predict(digits.test), digits.test_labels)
    assert accuracy(model.predict(shifted(digits.test, down, right)), digits.test_labels) > still - 0.03


@pytest.mark.slow
@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("name", ["mlp", "cnn", "xgboost", "logistic"])
def test_few_or_no_validation_rows_are_enough(name: str, rows: int, digits: Digits) -> None:
    short = {"epochs": 2, "effort": "quick", "batch_size": 32, "rounds": 3, "max_iter": 5}
    history = fit(name, digits.first(100).validating(rows), short).history
    assert ("validation_accuracy" in history.rows[-1]) == (rows > 0)
    if rows == 0:
        assert history.best_step == history.rows[-1]["step"]


@pytest.mark.parametrize("name", _params(["cnn_baseline", "xgboost", "logistic", "dummy"]))
def test_two_classes_give_two_columns(name: str, digits: Digits, tmp_path: Path) -> None:
    two = digits.of_classes(2)
    # Half of so few images is not enough for trees.
    run = train(name, two, tmp_path, {**QUICK.get(name, {}), "subsample": 1.0}, n_classes=2)
    natively, exported = run.model.predict(two.test), OnnxPredictor(run.onnx).predict(two.test)
    assert natively.shape == exported.shape == (len(two.test), 2)
    np.testing.assert_allclose(exported, natively, atol=1e-4)
    if name != "dummy":
        assert accuracy(natively, two.test_labels) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(8, 8, 3), (5, 9, 1), (40, 32, 1)])
@pytest.mark.parametrize("name", ["cnn", "xgboost"])
def test_images_of_another_form_are_learnt_as_well(name: str, shape: tuple[int, int, int], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(240) % 3
    images = rng.integers(0, 60, (240, *shape), dtype=np.uint8)
    images[labels == 1] += 100
    images[labels == 2] += 190
    made = Digits(images, labels, images[:30], labels[:30], images[:60], labels[:60])
    overrides = {"cnn": {"effort": "quick", "epochs": 30}, "xgboost": {"rounds": 10}}[name]
    run = train(name, made, tmp_path, overrides, n_classes=3)
    exported = OnnxPredictor(run.onnx).predict(made.test)
    assert accuracy(exported, made.test_labels) > 0.95


def test_early_stopping_keeps_the_best_epoch(digits: Digits) -> None:
    wrong = replace(digits, validation_labels=(digits.validation_labels + 1) % 10)
    history = fit("mlp", wrong, {"epochs": 50, "patience": 2}).history
    losses = [row["validation_loss"] for row in history.rows]
    assert history.best_step == int(np.argmin(losses)) + 1
    assert len(losses) == history.best_step + 2 < 50


def test_without_validation_rows_a_network_is_as_sure_as_it_should_be(digits: Digits) -> None:
    model = fit("cnn", digits.validating(0), {"effort": "quick"}).model
    found = model.predict(digits.test)
    best, loss = calibrated(found, digits.test_labels)
    assert -np.log(found[np.arange(len(found)), digits.test_labels]).mean() < 1.3 * loss, f"temperature {best}"
    assert [round(expected(share), 2) for share in (0.0, 0.001, 0.1, 0.4)] == [1.0, 1.0, 0.42, 0.29]


def test_trees_are_cut_after_the_best_round(digits: Digits, tmp_path: Path) -> None:
    noisy = replace(digits.first(300), validation_labels=digits.validation_labels[::-1].copy())
    run = train("xgboost", noisy, tmp_path, {"rounds": 60, "patience": 3})
    assert run.history.best_step is not None
    assert len(run.history.rows) == run.history.best_step + 3 < 60
    np.testing.assert_allclose(OnnxPredictor(run.onnx).predict(digits.test), run.model.predict(digits.test), atol=1e-4)
    with pytest.raises(ModelError, match=f"no checkpoint 59: it has 1 to {run.history.best_step}, one per boosting"):
        native.load("xgboost", run.native_file, shape=(28, 28, 1), n_classes=10, checkpoint=59)


def test_shifted_copies_teach_trees_more(digits: Digits) -> None:
    def score(shifts: int) -> float:
        model = fit("xgboost", digits.first(300), {"rounds": 8, "learning_rate": 0.5, "shifts": shifts}).model
        return accuracy(model.predict(shifted(digits.test, 0, 1)), digits.test_labels)

    assert score(4) > score(0) + 0.02
    assert score(-1) == score(4)


@pytest.mark.slow
def test_handing_images_over_in_smaller_parts_changes_nothing(digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = {"effort": "quick", "epochs": 3}
    at_once = fit("cnn", digits.first(300), quick)
    monkeypatch.setattr(cnn_training, "HANDED_OVER", 2 * 128 * 28 * 28)
    in_parts = fit("cnn", digits.first(300), quick)
    for part, whole in zip(in_parts.history.rows, at_once.history.rows, strict=True):
        assert part == pytest.approx(whole, rel=1e-6)
    np.testing.assert_array_equal(in_parts.model.predict(digits.test), at_once.model.predict(digits.test))


def test_a_fit_leaves_the_generators_of_others_alone(digits: Digits) -> None:
    np.random.seed(5)
    expected = np.random.random()
    np.random.seed(5)
    fit("mlp", digits.first(20), {"epochs": 1})
    assert np.random.random() == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", _params(["cnn", "cnn_ensemble", "mlp"]))
def test_a_batch_may_be_larger_than_all_images(name: str, digits: Digits) -> None:
    history = fit(name, digits.first(100), {"effort": "quick", "epochs": 1, "batch_size": 1_000_000}).history
    assert np.isfinite(history.rows[-1]["loss"])


def test_images_too_small_for_a_network_are_refused() -> None:
    model, _ = registry.create(registry.find("cnn_dropout"), {}, shape=(8, 8, 1), n_classes=2)
    images, labels = np.zeros((4, 8, 8, 1), np.uint8), np.arange(4) % 2
    with pytest.raises(ModelError, match="cannot be built for images of 8 x 8 x 1"):
        model.fit(FitRequest(images, labels, images, labels, seed=0))


def test_logistic_refuses_a_class_without_an_image(digits: Digits) -> None:
    with pytest.raises(ModelError, match="no training image of class 8"):
        fit("logistic", digits.of_classes(8), {"max_iter": 2})


def test_a_model_that_was_not_fitted_predicts_nothing(digits: Digits) -> None:
    for name in ("mlp", "xgboost", "logistic"):
        model, _ = registry.create(registry.find(name), {}, shape=(28, 28, 1), n_classes=10)
        with pytest.raises(ModelError, match="not been trained yet"):
            model.predict(digits.test)
