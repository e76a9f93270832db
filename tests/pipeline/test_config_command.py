"""``init`` and ``config show``: the settings file has every default, and what is in force says where it came from."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.settings_template import template
from pipeline.config import Settings
from pipeline.judging.policy import GatePolicy, from_table
from pipeline.models import registry
from pipeline.settings_file import read_settings


def test_the_file_has_every_setting_with_its_default() -> None:
    text = template()
    names = set(re.findall(r"^#(\w+) = ", text, re.MULTILINE))
    assert Settings.model_fields.keys() - {"gate", "overrides"} <= names
    everything = tomllib.loads(re.sub(r"^#(?! )", "", text, flags=re.MULTILINE))
    table = {
        "run": {name: value for name, value in everything["run"].items() if value != "…"},
        "gate": everything["gate"],
        "recipe": everything["recipe"],
    }
    assert everything.keys() == table.keys() and everything["run"]["effort"] == "…"
    assert Settings(**table["run"]) == Settings()
    assert from_table(table["gate"]) == GatePolicy() and table["gate"].keys() == GatePolicy.model_fields.keys()
    assert table["recipe"] == {recipe.name: recipe.defaults for recipe in registry.RECIPES}
    explained = re.findall(r"^# \S.*\n#\w+ = ", text, re.MULTILINE)
    assert len(explained) == len(re.findall(r"^#\w+ = ", text, re.MULTILINE)), "each has its meaning above it"


def test_init_changes_nothing_until_it_is_edited_and_overwrites_nothing(
    command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("init")[0] == 0
    file = tmp_path / "pipeline.toml"
    assert read_settings(None, {}) == Settings()
    file.write_text("[run]\nseed = 7\n")
    status, _, err = command("init")
    assert status == 1 and "already exists" in err
    assert file.read_text() == "[run]\nseed = 7\n"


def test_config_show_says_where_each_value_came_from(
    command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        '[run]\nseed = 7\nrepeats = 2\nmodels = ["cnn", "logistic"]\n'
        '[gate]\npreset = "each-test"\nalpha = 0.01\n[recipe.cnn]\nepochs = 3\nbatch_size = 64\n'
    )
    monkeypatch.setenv("PIPELINE_DATA", str(tmp_path))
    options = ("--config", file, "--seed", 8, "--effort", "quick", "--set", "cnn.epochs=4", "--retrain")
    shown = json.loads(command("config", "show", *options, "--json")[1])
    of = {(table, name): tuple(one.values()) for table, values in shown.items() for name, one in values.items()}
    assert of["run", "seed"] == (8, "--seed")
    assert of["run", "retrain"] == (True, "--retrain")
    assert of["run", "repeats"] == (2, str(file))
    assert of["run", "jobs"] == (1, "default")
    assert of["run", "data_dir"] == (str(tmp_path), "PIPELINE_DATA")
    assert of["gate", "preset"] == ("each-test", str(file))
    assert of["gate", "budget"] == ("each", "preset each-test")
    assert of["gate", "alpha"] == (0.01, str(file))
    assert of["gate", "latency_ratio"] == ("off", "default")
    assert of["recipe.cnn", "epochs"] == (4, "--set")
    assert of["recipe.cnn", "batch_size"] == (64, str(file))
    assert of["recipe.cnn", "effort"] == ("quick", "--effort")
    assert of["recipe.logistic", "C"] == (0.1, "default")
    lines = command("config", "show", *options)[1].splitlines()
    assert ["seed", "8", "--seed"] in [line.split() for line in lines]
    growing = json.loads(command("config", "show", "--config", file, "--gate", "growing", "--json")[1])
    assert growing["gate"]["preset"] == {"value": "growing", "from": "--gate"}
