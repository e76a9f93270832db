from pathlib import Path

import numpy as np
import pytest
from short_runs import AS_GOOD, Silent

from pipeline import simulator
from pipeline.config import Settings
from pipeline.contracts import Split
from pipeline.data import class_balance, sources
from pipeline.errors import SettingsError
from pipeline.settings_file import read_settings
from pipeline.store import versions
from pipeline.store.home import Home


@pytest.fixture
def uneven(tmp_path: Path) -> Path:
    """Three classes of 400, 30 and 30 noisy images that overlap."""
    chance = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), (400, 30, 30))
    images = chance.integers(0, 160, (len(labels), 6, 6), dtype=np.uint8)
    images[np.arange(len(labels)), labels, :] += 45
    np.savez(tmp_path / "uneven.npz", images=images, labels=labels)
    return tmp_path / "uneven.npz"


def recalls(home: Home, data: Path, balance: str) -> np.ndarray:
    settings = Settings(dataset=str(data), models=("logistic",), train_sizes=("all",), gate=AS_GOOD, balance=balance)
    simulator.run(settings, home, Silent())
    version = versions.list_versions(home)[-1]
    assert version.manifest.rows.balance == balance
    return np.array([found.recall for found in version.scores.per_class])


def test_oversampling_repeats_rare_rows_evenly_and_leaves_none_out(uneven: Path) -> None:
    data = sources.load(str(uneven))
    split = Split(np.arange(len(data)), np.arange(0), np.arange(0), 3, "", "", "")
    rows = class_balance.oversampled(data, split)

    assert np.bincount(data.labels[rows]).tolist() == [400, 400, 400]
    repeated = np.bincount(rows)
    assert (repeated[:400] == 1).all()
    assert set(repeated[400:].tolist()) == {13, 14}
    assert (rows == class_balance.oversampled(data, split)).all(), "the seed decides"


def test_weights_make_classes_weigh_the_same() -> None:
    labels = np.repeat(np.arange(3), (400, 30, 30))
    weights = class_balance.weights(labels)

    assert np.bincount(labels, weights) == pytest.approx([460 / 3] * 3)
    assert weights.mean() == pytest.approx(1)


def test_a_recipe_that_cannot_weigh_images_is_refused_before_anything_is_loaded(home: Home) -> None:
    settings = Settings(dataset="nowhere", models=("cnn",), balance="weights")

    with pytest.raises(SettingsError, match=r"'cnn' does not support sample weights: use --balance oversample"):
        simulator.run(settings, home, Silent())


def test_an_unknown_balance_is_refused() -> None:
    with pytest.raises(SettingsError, match="balance"):
        read_settings(None, {"balance": "some"})


@pytest.mark.slow
@pytest.mark.parametrize("balance", ["oversample", "weights"])
def test_rare_classes_are_found_more_often(home: Home, uneven: Path, balance: str) -> None:
    plain = recalls(Home(home.root / "plain"), uneven, "none")
    balanced = recalls(Home(home.root / "balanced"), uneven, balance)

    assert balanced[1:].mean() > plain[1:].mean() + 0.1
    assert balanced.mean() > plain.mean()
