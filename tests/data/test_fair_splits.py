"""Nobody ever trains on what judges: properties of roles, sizes and splits."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.config import Settings
from pipeline.contracts import Cell, LabelledImages, Roles, Rows, Split
from pipeline.data import digests, splits
from pipeline.data.balance import class_turns
from pipeline.data.raw import RawPart, RawSet
from pipeline.data.roles import BENCHMARK, TRAINING, VALIDATION
from pipeline.data.validation import labelled
from pipeline.errors import DataError, SettingsError
from pipeline.planning.cells import plan_cells, recipes_of


def build(labels: np.ndarray, pictures: np.ndarray, test_rows: int = 0) -> LabelledImages:
    """A dataset of 2 x 2 images: row i shows picture number ``pictures[i]``."""
    images = np.stack([pictures >> shift & 255 for shift in (0, 8, 16, 24)], axis=1).astype(np.uint8).reshape(-1, 2, 2)
    cut = len(labels) - test_rows
    part = RawPart("set", "set", images[:cut], labels[:cut])
    test = RawPart("test", "test", images[cut:], labels[cut:]) if test_rows else None
    return labelled(RawSet("set", "made up", part, test))


def rows_of(data: LabelledImages, rows: Rows) -> set[bytes]:
    return {digest.tobytes() for digest in data.digests[rows]}


@st.composite
def pools(draw: st.DrawFn) -> LabelledImages:
    """Single pools of 2 to 5 classes, uneven, shuffled, and with copies, some of them of another label."""
    counts = draw(st.lists(st.integers(4, 40), min_size=2, max_size=5))
    labels = np.repeat(np.arange(len(counts)), counts)
    pictures = np.arange(len(labels)) * 7919
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    copies = rng.integers(0, len(labels), draw(st.integers(0, 15)))
    relabelled = np.where(rng.random(len(copies)) < 0.2, rng.integers(0, len(counts), len(copies)), labels[copies])
    labels, pictures = np.concatenate([labels, relabelled]), np.concatenate([pictures, pictures[copies]])
    order = rng.permutation(len(labels))
    try:
        return build(labels[order], pictures[order])
    except DataError:  # too many copies went to a lower class: as a whole without copies it is fine
        return build(labels[: sum(counts)], pictures[: sum(counts)])


def whole(data: LabelledImages, seed: int = 0) -> Split:
    roles = splits.assign_roles(data)
    sizes = splits.sizes(data, roles)
    return splits.plan(data, roles, sizes.train, sizes.benchmark, seed)


@given(pools())
def test_roles_never_share_an_image_and_leave_no_row_out(data: LabelledImages) -> None:
    split = whole(data)
    train, validation, benchmark = (rows_of(data, rows) for rows in (split.train, split.validation, split.benchmark))
    assert not train & validation
    assert not train & benchmark
    assert not validation & benchmark
    rows = np.concatenate([split.train, split.validation, split.benchmark])
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(data)))


@given(pools())
def test_a_fifth_judges_a_tenth_validates_and_no_role_lacks_a_class(data: LabelledImages) -> None:
    split = whole(data)
    classes = len(data.classes)
    slack = classes + len(data) - len(digests.unique(data.digests))  # every class has one, and copies stay together
    assert abs(len(split.benchmark) - len(data) // 5) <= slack
    assert abs(len(split.validation) - split.train_size // 10) <= slack
    roles = splits.assign_roles(data)
    lowest = {digest.tobytes(): len(data.classes) for digest in data.digests}
    for digest, label in zip(data.digests, data.labels.tolist(), strict=True):
        lowest[digest.tobytes()] = min(lowest[digest.tobytes()], label)
    for role in (TRAINING, VALIDATION, BENCHMARK):
        present = {lowest[digest.tobytes()] for digest in roles.digests[roles.roles == role]}
        assert present == set(range(classes))


@given(pools(), st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_neither_order_nor_names_of_rows_matter(data: LabelledImages, shuffle: int, seed: int) -> None:
    order = np.random.default_rng(shuffle).permutation(len(data))
    part = RawPart("other", "other", data.images[order], data.labels[order])
    shuffled = labelled(RawSet("other", "other", part))
    first, second = whole(data, seed), whole(shuffled, seed)
    assert first.train_sha256 == second.train_sha256
    assert first.validation_sha256 == second.validation_sha256
    assert first.benchmark_sha256 == second.benchmark_sha256


@given(pools(), st.data())
def test_smaller_sets_are_contained_in_larger_ones(data: LabelledImages, draw: st.DataObject) -> None:
    roles = splits.assign_roles(data)
    sizes = splits.sizes(data, roles)
    seed = draw.draw(st.integers(0, 5))
    small, large = sorted(draw.draw(st.integers(1, sizes.train)) for _ in range(2))
    few, many = sorted(draw.draw(st.integers(1, sizes.benchmark)) for _ in range(2))
    try:
        inner, outer = splits.plan(data, roles, small, few, seed), splits.plan(data, roles, large, many, seed)
    except SettingsError:
        return
    for name, size in (("train", None), ("validation", None), ("benchmark", few)):
        rows = getattr(inner, name)
        np.testing.assert_array_equal(rows, getattr(outer, name)[: len(rows)])
        assert size is None or len(rows) == size
    assert inner.train_size == small
    again = splits.plan(data, roles, small, few, seed)
    np.testing.assert_array_equal(again.train, inner.train)
    other = splits.plan(data, roles, small, few, seed + 1)
    np.testing.assert_array_equal(other.benchmark, inner.benchmark)


@given(pools(), st.data())
def test_every_size_is_balanced_within_one_image_a_class(data: LabelledImages, draw: st.DataObject) -> None:
    roles = splits.assign_roles(data)
    size = draw.draw(st.integers(1, splits.sizes(data, roles).benchmark))
    everything = splits.benchmark_rows(data, roles, splits.sizes(data, roles).benchmark)
    share = np.bincount(data.labels[everything], minlength=len(data.classes)) / len(everything)
    counts = np.bincount(data.labels[splits.benchmark_rows(data, roles, size)], minlength=len(data.classes))
    assert np.abs(counts - size * share).max() < 1


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12))
def test_no_class_is_ever_a_whole_turn_early_or_late(counts: list[int]) -> None:
    turns = np.array(class_turns(counts))
    served = np.cumsum(turns[:, None] == np.arange(len(counts)), axis=0)
    ideal = np.arange(1, len(turns) + 1)[:, None] * np.array(counts) / sum(counts)
    assert served[-1].tolist() == counts
    assert np.abs(served - ideal).max() < 1


@given(pools(), st.floats(0.3, 1.0), st.integers(0, 2**32 - 1))
def test_a_role_never_changes_as_the_dataset_grows(data: LabelledImages, share: float, shuffle: int) -> None:
    rows = np.random.default_rng(shuffle).permutation(len(data))[: max(1, int(share * len(data)))]
    try:
        part = labelled(RawSet("set", "a part", RawPart("set", "set", data.images[rows], data.labels[rows])))
    except DataError:
        return
    early = splits.assign_roles(part)
    late = splits.assign_roles(data, early)
    at = digests.positions(early.digests, late.digests)
    np.testing.assert_array_equal(late.roles[at], early.roles)
    np.testing.assert_array_equal(late.digests, digests.unique(np.concatenate([early.digests, data.digests])))
    sizes = splits.sizes(data, late)
    assert sizes.benchmark >= len(data) // 5 - len(data.classes) - 15  # copies may leave a quota a little short
    back = splits.assign_roles(part, late)
    np.testing.assert_array_equal(back.digests, late.digests)
    np.testing.assert_array_equal(back.roles, late.roles)


def test_new_images_fill_up_the_quotas() -> None:
    labels, pictures = np.arange(1000) % 4, np.arange(1000) + 1
    early = splits.assign_roles(build(labels[:100], pictures[:100]))
    data = build(labels, pictures)
    sizes = splits.sizes(data, splits.assign_roles(data, early))
    assert (sizes.train, sizes.benchmark) == (800, 200)
    assert np.bincount(splits.assign_roles(data, early).roles).tolist() == [720, 80, 200]


def test_an_official_test_set_is_the_benchmark() -> None:
    pictures = np.concatenate([np.arange(100), np.arange(40) + 95])  # five test images are also training images
    data = build(np.concatenate([np.arange(100) % 2, (np.arange(40) + 95) % 2]), pictures, test_rows=40)
    roles = splits.assign_roles(data)
    assert splits.sizes(data, roles) == splits.Sizes(total=100, train=95, benchmark=40)
    split = splits.plan(data, roles, 95, 40, seed=0)
    assert sorted(split.benchmark) == list(range(100, 140))
    assert not rows_of(data, split.train) & rows_of(data, split.benchmark)
    assert len(split.validation) == 9


def test_an_image_once_trained_on_never_judges() -> None:
    labels, pictures = np.arange(60) % 2, np.arange(60) + 1
    pool = splits.assign_roles(build(labels, pictures))
    data = build(labels, pictures, test_rows=20)
    roles = splits.assign_roles(data, pool)
    split = splits.plan(data, roles, 20, splits.sizes(data, roles).benchmark, seed=0)
    assert 0 < len(split.benchmark) < 20
    trained = {digest.tobytes() for digest in pool.digests[pool.roles == TRAINING]}
    assert not rows_of(data, split.benchmark) & trained


def test_seeds_draw_other_rows() -> None:
    data = build(np.arange(400) % 4, np.arange(400))
    roles = splits.assign_roles(data)
    first, second = (splits.plan(data, roles, 40, 10, seed) for seed in (0, 1))
    assert first.train_sha256 != second.train_sha256
    assert first.validation_sha256 != second.validation_sha256
    assert (len(first.train), len(first.validation)) == (36, 4)
    assert np.bincount(data.labels[first.train]).tolist() == [9, 9, 9, 9]


def test_a_size_that_leaves_a_class_out_names_the_smallest_one() -> None:
    data = build(np.repeat([0, 1], [190, 10]), np.arange(200))
    roles = splits.assign_roles(data)
    with pytest.raises(SettingsError, match=r"3 training images are too few .* at least") as refusal:
        splits.plan(data, roles, 3, 1, seed=0)
    smallest = int(str(refusal.value).rstrip(".").rsplit(" ", 1)[1])
    assert set(data.labels[splits.plan(data, roles, smallest, 1, seed=0).train]) == {0, 1}
    with pytest.raises(SettingsError, match="too few"):
        splits.plan(data, roles, smallest - 1, 1, seed=0)


def cells_of(data: LabelledImages, notices: list[str], **given: Any) -> list[Cell]:
    settings = Settings(models=("logistic",), **given)
    return plan_cells(settings, recipes_of(settings), data, splits.assign_roles(data), notices.append)


@pytest.mark.parametrize(("common", "rare", "raised", "sizes"), [(300, 9, 1, 3), (10, 4, 2, 2)])
def test_default_sizes_that_leave_a_class_out_are_raised_and_chosen_ones_are_refused(
    common: int, rare: int, raised: int, sizes: int
) -> None:
    images = common + rare
    data = build(np.repeat([0, 1], [common, rare]), np.arange(images))
    notices: list[str] = []
    cells = cells_of(data, notices, repeats=3)
    assert len(cells) == 3 * sizes, "sizes that were raised to the same are one"
    assert len(notices) == raised
    assert f"--train-sizes is 0.02 unless it is given, which is {images // 50} of {images} images" in notices[0]
    assert all(set(data.labels[cell.split.train]) == {0, 1} for cell in cells)
    with pytest.raises(SettingsError, match=r"1 training images are too few .*; set --train-sizes to at least \d+\."):
        cells_of(data, [], train_sizes=("1", "all"))


def test_rows_without_a_role_are_refused() -> None:
    data = build(np.arange(40) % 2, np.arange(40))
    none = Roles(np.empty(0, "V16"), np.empty(0, np.uint8))
    with pytest.raises(DataError, match="Image 1 of set has no role yet"):
        splits.plan(data, none, 10, 2, seed=0)


def test_more_than_there_is_is_refused() -> None:
    data = build(np.arange(40) % 2, np.arange(40))
    roles = splits.assign_roles(data)
    with pytest.raises(SettingsError, match="33 training images are not available: give a number from 1 to 32"):
        splits.plan(data, roles, 33, 2, seed=0)
    with pytest.raises(SettingsError, match="9 benchmark images are not available: give a number from 1 to 8"):
        splits.plan(data, roles, 10, 9, seed=0)


SIZES = {"1000": 1000, "0.001": 42, "0.011": 462, "0.8": 33600, "all": 33600, "1e-3": 42, " 42 ": 42, "33600": 33600}


@pytest.mark.parametrize("text", SIZES)
def test_sizes_are_numbers_fractions_or_all(text: str) -> None:
    assert splits.resolve_size(text, total=42_000, available=33_600, what="--train-sizes") == SIZES[text]


WRONG_SIZES = {
    "33601": "asks for 33,601 images, but only 33,600 are available",
    "0.9": "asks for 37,800 of 42,000 images, but only 33,600 are available",
    "1.0": "asks for 42,000 of 42,000 images",
    "0": "less than one image",
    "0.00001": "less than one image",
    "0.0": "is not a size",
    "-5": "is not a size",
    "1.5": "is not a size",
    "1/2": "is not a size",
    "nan": "is not a size",
    "many": "is not a size",
    "": "is not a size",
}


@pytest.mark.parametrize("text", WRONG_SIZES)
def test_impossible_sizes_name_the_option_and_the_limit(text: str) -> None:
    with pytest.raises(SettingsError, match=WRONG_SIZES[text]) as refusal:
        splits.resolve_size(text, total=42_000, available=33_600, what="--train-sizes")
    assert "--train-sizes" in str(refusal.value)


def test_a_test_fraction_above_the_benchmark_uses_all_of_it_and_says_so() -> None:
    told: list[str] = []
    sizes = splits.Sizes(total=60_000, train=60_000, benchmark=10_000)
    assert splits.resolve_test_size("0.2", sizes, notify=told.append) == 10_000
    assert "12,000" in told[0]
    assert splits.resolve_test_size("0.1", sizes, notify=told.append) == 6_000
    assert splits.resolve_test_size("all", sizes, notify=told.append) == 10_000
    assert len(told) == 1
    with pytest.raises(SettingsError, match="--test-size 12000"):
        splits.resolve_test_size("12000", sizes)


@settings(max_examples=30)
@given(st.lists(st.integers(3, 300), min_size=2, max_size=10))
@example([5, 4, 3, 3, 4, 21])
def test_four_fifths_of_a_pool_can_always_be_trained_on(counts: list[int]) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    data = build(labels, np.arange(len(labels)))
    sizes = splits.sizes(data, splits.assign_roles(data))
    if sizes.total >= 5 * len(counts):
        asked = splits.resolve_size("0.8", total=sizes.total, available=sizes.train, what="--train-sizes")
        assert sizes.train - asked <= 1
