"""Class and file names that look like markup or formulas are printed as they are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

NAMES = ("=1+1", "[red]3", "$x$")


@pytest.fixture
def odd_data(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    folder = tmp_path / "[b]odd"
    for label, name in enumerate(NAMES):
        (folder / name).mkdir(parents=True)
        for number in range(40):
            image = random.integers(0, 120, (8, 8), dtype=np.uint8)
            image[label] += 100
            Image.fromarray(image).save(folder / name / f"[i]{number}.png")
    return folder


def test_every_command_prints_class_and_file_names_as_they_are(
    run: Any, home: Any, odd_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipeline.cli import common, main

    def output(*words: object) -> str:
        monkeypatch.setattr("sys.argv", ["simulator.py", *map(str, words), "--home", str(home.root)])
        with pytest.raises(SystemExit):
            main()
        return capsys.readouterr().out

    monkeypatch.setattr(common.console, "_file", None)
    run(dataset=str(odd_data), models=("logistic", "dummy"))
    capsys.readouterr()
    predicted = output("predict", odd_data / "[red]3")
    assert predicted.split()[:2] == [str(odd_data / "[red]3" / "[i]0.png"), "[red]3"]
    for words in (("compare", "dummy", "logistic"), ("show", "logistic"), ("evaluate", "logistic")):
        printed = output(*words)
        assert all(name in printed for name in NAMES), words
    assert "[b]odd" in output("evaluate", "logistic")
