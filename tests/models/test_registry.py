"""Finding recipes by name and overriding their parameters; all of it without a heavy library."""

import subprocess
import sys
from typing import Any

import pytest

from pipeline.errors import ModelError, SettingsError
from pipeline.models import registry
from pipeline.models.overrides import parse_overrides


def test_listing_loads_no_heavy_library() -> None:
    program = (
        "import sys\nfrom pipeline.models import registry\n"
        "for recipe in registry.RECIPES: registry.find(recipe.name); registry.parameters_of(recipe, {})\n"
        "print(*{'tensorflow', 'keras', 'xgboost', 'sklearn', 'onnx', 'pandas', 'scipy'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


def test_the_recipes_are_those_that_were_promised() -> None:
    assert {recipe.name for recipe in registry.RECIPES} >= {
        "cnn", "cnn_baseline", "cnn_dropout", "cnn_batchnorm", "mlp", "xgboost", "xgboost_2018", "logistic", "dummy",
    }  # fmt: skip


@pytest.mark.parametrize("recipe", registry.RECIPES, ids=lambda recipe: recipe.name)
def test_every_recipe_is_made_with_its_defaults(recipe: registry.Recipe) -> None:
    model, parameters = registry.create(recipe, {}, shape=(28, 28, 1), n_classes=10)
    assert parameters == recipe.parameters
    assert model.native_format in ("keras", "xgboost", "joblib")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("cnn_batchnrom", r"no model 'cnn_batchnrom': did you mean cnn_batchnorm.*`simulator.py models`"),
        ("qqq", r"no model 'qqq': `simulator.py models` lists all"),
        ("no_such_module:build", "no_such_module cannot be imported"),
        ("json:no_such_function", "json has no function 'no_such_function'"),
    ],
)
def test_an_unknown_name_is_refused_with_what_might_be_meant(name: str, sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        registry.find(name)


@pytest.mark.parametrize(
    ("texts", "overrides"),
    [
        ([], {}),
        (["cnn.epochs=5"], {"cnn": {"epochs": 5}}),
        (["cnn.epochs = 5", "cnn.learning_rate=1e-3"], {"cnn": {"epochs": 5, "learning_rate": 0.001}}),
        (["cnn.effort=max", 'mlp.name="a=b"'], {"cnn": {"effort": "max"}, "mlp": {"name": "a=b"}}),
        (["cnn.epochs=5", "cnn.epochs=6"], {"cnn": {"epochs": 6}}),
        (["a.b:build.deep=true"], {"a.b:build": {"deep": True}}),
    ],
)
def test_overrides_are_read(texts: list[str], overrides: dict[str, dict[str, Any]]) -> None:
    assert parse_overrides(texts) == overrides


@pytest.mark.parametrize("text", ["epochs=5", "cnn.epochs", "cnn.epochs=", "=5", ".epochs=5", "cnn.=5"])
def test_a_text_that_sets_nothing_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"sets no parameter: write recipe\.parameter=value"):
        parse_overrides([text])


@pytest.mark.parametrize(
    ("name", "overrides", "sentence"),
    [
        ("mlp", {"epoch": 5}, r"mlp has no parameter 'epoch': its parameters are units \(396\), epochs \(50\)"),
        ("mlp", {"epochs": "many"}, "mlp.epochs is 'many' but must be a whole number: its parameters are"),
        ("mlp", {"epochs": 2.5}, "must be a whole number"),
        ("mlp", {"epochs": True}, "must be a whole number"),
        ("cnn", {"learning_rate": "high"}, "must be a number"),
        ("cnn", {"effort": 3}, "must be a text"),
        ("dummy", {"epochs": 1}, "dummy has no parameter 'epochs': it has no parameters"),
    ],
)
def test_a_wrong_override_is_refused_with_the_known_ones(name: str, overrides: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        registry.create(registry.find(name), overrides, shape=(28, 28, 1), n_classes=10)


def test_a_whole_number_is_a_number_as_well() -> None:
    assert registry.parameters_of(registry.find("cnn"), {"learning_rate": 1})["learning_rate"] == 1.0


def test_an_unknown_effort_is_refused_with_those_there_are() -> None:
    with pytest.raises(ModelError, match="no effort 'huge': choose one of quick, standard, max"):
        registry.create(registry.find("cnn"), {"effort": "huge"}, shape=(28, 28, 1), n_classes=10)
