"""What makes two runs one: training and validation images with their labels, whatever happens to the benchmark."""

import json
from pathlib import Path

import numpy as np
import pytest
from short_runs import Silent
from typer.testing import CliRunner

from pipeline.data.digests import image_digests, positions
from pipeline.data.roles import BENCHMARK, TRAINING, VALIDATION
from pipeline.store import role_records, versions
from pipeline.store.home import Home


class Listening(Silent):
    """Keeps what a run says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def notice(self, sentence: str) -> None:
        self.said.append(sentence)


def relabelled(data: Path, home: Home, role: int, folder: Path) -> Path:
    """The same images, three of one role under another label."""
    with np.load(data) as arrays:
        images, labels = arrays["images"], arrays["labels"].copy()
    known = role_records.load(home, "stripes")
    roles = known.roles[positions(image_digests(images[..., None]), known.digests)]
    rows = np.flatnonzero((roles == role) & (labels == 0))[:3]
    labels[rows] = 1
    folder.mkdir()
    np.savez(folder / "stripes.npz", images=images, labels=labels)
    return folder / "stripes.npz"


@pytest.mark.parametrize(
    ("role", "trained"),
    [
        pytest.param(BENCHMARK, 1, id="benchmark: nothing is trained again"),
        pytest.param(TRAINING, 2, id="training"),
        pytest.param(VALIDATION, 2, id="validation"),
    ],
)
def test_a_label_changed(run, data, home, tmp_path, role, trained):
    run()
    said = Listening()
    run(said, dataset=str(relabelled(data, home, role, tmp_path / "changed")))
    assert len(versions.list_versions(home)) == trained
    told = any("judged on other benchmark images or labels" in sentence for sentence in said.said)
    assert told == (role == BENCHMARK)


def test_a_smaller_benchmark_trains_nothing_again(run, home):
    run()
    said = Listening()
    run(said, test_size="20")
    assert len(versions.list_versions(home)) == 1
    assert any("judged on other benchmark images or labels" in sentence for sentence in said.said)


@pytest.mark.slow
def test_a_second_name_for_known_images_is_noticed(run, home):
    first, second, third = Listening(), Listening(), Listening()
    run(first)
    run(second, name="again")
    run(third, name="again")
    assert not [sentence for sentence in first.said if "error budget" in sentence]
    (told,) = [sentence for sentence in second.said if "error budget" in sentence]
    assert told.startswith("36 benchmark images of 'again' also belong to the dataset 'stripes'.")
    assert not [sentence for sentence in third.said if "error budget" in sentence]
    from pipeline.cli import app

    result = CliRunner().invoke(app, ["gate", "--json", "--home", str(home.root)])
    sharing = {one["dataset"]: one["sharing"] for one in json.loads(result.output)["datasets"]}
    assert sharing == {"again": {"stripes": 36}, "stripes": {"again": 36}}
