"""The arithmetic behind our CNN: plans, learning rates, batches, temperatures, orthogonal updates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.models import cnn_network, cnn_plan
from pipeline.models.cnn_parameters import CnnParameters
from pipeline.models.muon import orthogonalised
from pipeline.models.runtime import import_tensorflow
from pipeline.models.temperature import as_sure_as, calibrated, tempered

EFFORTS = cnn_plan.EFFORTS["pooled"]
SIZES = st.integers(min_value=3, max_value=1_000_000)


@given(images=SIZES, effort=st.sampled_from(sorted(EFFORTS)))
def test_more_images_never_mean_fewer_steps(images: int, effort: str) -> None:
    chosen = EFFORTS[effort]
    less, more = (cnn_plan.plan(n, chosen, epochs=0, batch_size=128) for n in (images, images + 1000))
    assert chosen.fewest_steps <= less.steps <= more.steps
    assert 1 <= less.epochs <= cnn_plan.MOST_EPOCHS
    assert less.distortion >= more.distortion - 0.05


@given(images=SIZES, effort=st.sampled_from(sorted(EFFORTS)))
def test_no_image_is_seen_less_than_a_third_as_often_as_one_of_mnist(images: int, effort: str) -> None:
    chosen = EFFORTS[effort]
    planned = cnn_plan.plan(images, chosen, epochs=0, batch_size=128)
    assert (planned.steps + 1) * 128 / images > chosen.passes / 3


@given(
    images=SIZES,
    batch_size=st.integers(1, 1_000_000),
    epochs=st.integers(0, 3),
    effort=st.sampled_from(sorted(EFFORTS)),
)
def test_however_large_a_batch_is_there_is_a_step(images: int, batch_size: int, epochs: int, effort: str) -> None:
    planned = cnn_plan.plan(images, EFFORTS[effort], epochs=epochs, batch_size=batch_size)
    assert planned.steps >= 1


@pytest.mark.parametrize("effort", sorted(EFFORTS))
def test_beyond_the_size_of_mnist_steps_grow_with_the_images_and_no_faster(effort: str) -> None:
    counts = (54_000, 540_000, 1_080_000)
    first, ten, twenty = (cnn_plan.plan(n, EFFORTS[effort], epochs=0, batch_size=128).steps for n in counts)
    assert ten == pytest.approx(10 * first, abs=10)
    assert twenty == pytest.approx(20 * first, abs=20)


def test_images_that_are_seen_more_often_are_distorted_more() -> None:
    strengths = [cnn_plan.distortion_strength(passes) for passes in (0.5, 1, 3, 10, 1000)]
    assert strengths[0] == strengths[1] < strengths[2] < strengths[3] < strengths[4]


@pytest.mark.parametrize(("stride", "side"), [(1, 3), (2, 1)])
def test_a_stem_that_moves_by_single_pixels_leaves_more_to_look_at(stride: int, side: int) -> None:
    net = cnn_network.network((28, 28, 1), 10, cnn_plan._pooled(4, 8, 8, 8, stride=stride), 0)
    flat = net.layers[-3].output.shape[1]
    assert flat == side * side * 8


@pytest.mark.parametrize("shape", [(28, 28, 1), (8, 8, 1), (5, 9, 3)])
def test_the_deep_architecture_has_a_norm_after_each_convolution_and_no_pool(shape: tuple[int, int, int]) -> None:
    net = cnn_network.network(shape, 10, cnn_plan.EFFORTS["deep"]["standard"].layers, 0)
    kinds = [type(layer).__name__ for layer in net.layers]
    assert kinds == ["Rescaling", *["Conv2D", "BatchNormalization", "ReLU"] * 7, "Flatten", "Dense", "Softmax"]
    convolutions = net.layers[1:-3:3]
    assert [(one.filters, one.kernel_size[0]) for one in convolutions] == list(
        zip((32, 64, 64, 128, 128, 128, 128), (5, 3, 3, 3, 3, 3, 3), strict=True)
    )
    if shape[0] == 28:
        assert [one.strides[0] for one in convolutions] == [2, 1, 1, 2, 1, 2, 1]
        assert net.layers[-3].output.shape[1] == 4 * 4 * 128
    assert net.layers[-3].output.shape[1] >= 128, "small images keep at least one pixel"


@given(images=SIZES, epochs=st.integers(min_value=1, max_value=30))
def test_epochs_that_are_asked_for_are_passes_over_the_images(images: int, epochs: int) -> None:
    planned = cnn_plan.plan(images, EFFORTS["quick"], epochs=epochs, batch_size=64)
    assert planned.epochs == epochs
    assert planned.steps == -(-epochs * images // 64)


def test_one_cycle_rises_and_falls_to_almost_nothing() -> None:
    rates = cnn_plan.learning_rates(1000, 0.12)
    top = int(rates.argmax())
    assert rates[top] == pytest.approx(0.12, rel=1e-3)
    assert top == 200
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) <= 0).all()
    assert rates[-1] < 0.001


@given(images=st.integers(1, 500), steps=st.integers(1, 60), seed=st.integers(0, 100))
def test_batches_favour_no_image(images: int, steps: int, seed: int) -> None:
    order = cnn_plan.batches(images, steps, 16, seed)
    assert order.shape == (steps, 16)
    counts = np.bincount(order.ravel(), minlength=images)
    assert counts.max() - counts.min() <= 1


@given(steps=st.integers(1, 400), epochs=st.integers(1, 30))
def test_stretches_cover_every_step_once(steps: int, epochs: int) -> None:
    covered = [step for first, last in cnn_plan.stretches(steps, epochs) for step in range(first, last)]
    assert covered == list(range(steps))


@pytest.mark.parametrize("truth", [0.5, 1.0, 2.0])
def test_the_temperature_that_was_applied_is_found_again(truth: float) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (20_000, 5))
    calm = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([random.choice(5, p=row) for row in calm])
    stated = calm**truth / (calm**truth).sum(axis=1, keepdims=True)
    temperature, loss = calibrated(stated.astype(np.float32), labels)
    assert temperature == pytest.approx(truth, rel=0.06)
    assert loss <= -np.log(stated[np.arange(len(labels)), labels]).mean() + 1e-6


def test_few_rows_lead_away_from_the_expected_temperature_only_as_far_as_they_prove_it() -> None:
    right, wrong = np.float32([[0.9, 0.1]]), np.float32([[0.1, 0.9]])
    for rows, errors, low, high in ((5, 0, 0.3, 0.45), (60, 0, 0.2, 0.4), (60, 6, 0.7, 1.2)):
        found = np.concatenate([right.repeat(rows - errors, 0), wrong.repeat(errors, 0)])
        temperature, _ = calibrated(found, np.zeros(rows, np.int64), prior=0.42)
        assert low < temperature < high, (rows, errors, temperature)


def test_probabilities_become_as_sure_as_a_reference_and_keep_their_labels() -> None:
    random = np.random.default_rng(0)
    calm = random.dirichlet(np.ones(4), 500).astype(np.float32)
    sure = tempered(calm, 0.4).astype(np.float32)
    found = as_sure_as(sure, calm)
    assert found.max(axis=1).mean() == pytest.approx(calm.max(axis=1).mean(), rel=0.01)
    np.testing.assert_array_equal(found.argmax(axis=1), sure.argmax(axis=1))


def test_a_modest_better_model_beats_a_sure_worse_one_at_their_best_temperatures() -> None:
    labels = np.zeros(1000, np.int64)
    modest = np.tile(np.float32([0.7, 0.3]), (1000, 1))
    sure = np.where(np.arange(1000)[:, None] < 950, np.float32([0.99, 0.01]), np.float32([0.01, 0.99]))
    assert -np.log(modest[:, 0]).mean() > -np.log(sure[:, 0]).mean()
    assert calibrated(modest, labels)[1] < calibrated(sure, labels)[1]


@pytest.mark.parametrize("shape", [(5, 5, 1, 16), (3, 3, 16, 32), (3, 3, 2, 64)])
def test_an_update_is_made_nearly_orthogonal(shape: tuple[int, ...]) -> None:
    update = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    result = np.asarray(orthogonalised(import_tensorflow().constant(update)))
    matrix = result.reshape(-1, shape[-1])
    before = np.linalg.svd(update.reshape(matrix.shape), compute_uv=False)
    after = np.linalg.svd(matrix, compute_uv=False)
    assert after.max() / after.min() < min(4.0, before.max() / before.min())


def test_what_was_left_to_the_plan_is_known_as_what_it_became() -> None:
    left, given_all = CnnParameters(effort="quick"), CnnParameters(effort="quick", epochs=3, batch_size=64)
    used = left.model_copy(update={"batch_size": 128})
    planned = cnn_plan.plan(200, EFFORTS["quick"], epochs=0, batch_size=128)
    assert cnn_plan.became(planned, 200, left, used) == {"epochs": 250 * 128 / 200, "batch_size": 128}
    exact = cnn_plan.plan(200, EFFORTS["quick"], epochs=3, batch_size=64)
    assert cnn_plan.became(exact, 200, given_all, given_all) == {}
