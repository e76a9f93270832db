"""Finding recipes by name and overriding their parameters; all of it without a heavy library."""

import subprocess
import sys
from typing import Any

import pytest

from pipeline.errors import ModelError, SettingsError
from pipeline.models import registry
from pipeline.models.parameters import described, parse_overrides

NAN, INFINITE = float("nan"), float("inf")


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
    assert parameters == recipe.defaults
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
        ("mlp", {"epoch": 5}, r"mlp has no parameter 'epoch': its parameters are epochs \(50\), batch_size \(128\)"),
        ("mlp", {"epochs": "many"}, "mlp.epochs is 'many' but must be a whole number from 1 to 10,000: its"),
        ("mlp", {"epochs": 2.5}, "must be a whole number"),
        ("mlp", {"epochs": True}, "must be a whole number"),
        ("cnn", {"learning_rate": "high"}, "must be a number"),
        ("cnn", {"effort": 3}, "must be one of quick"),
        ("dummy", {"epochs": 1}, "dummy has no parameter 'epochs': it has no parameters"),
    ],
)
def test_a_wrong_override_is_refused_with_the_known_ones(name: str, overrides: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        registry.parameters_of(registry.find(name), overrides)


def test_a_whole_number_is_a_number_as_well() -> None:
    assert registry.parameters_of(registry.find("cnn"), {"learning_rate": 1})["learning_rate"] == 1.0


@pytest.mark.parametrize(
    ("name", "parameter", "value", "sentence"),
    [
        ("cnn", "effort", "huge", "'huge' but must be one of quick, standard, max"),
        ("cnn", "epochs", -1, "-1 but must be a whole number from 0 to 10,000: its parameters"),
        ("cnn", "batch_size", -5, "a whole number from 0 to 1,000,000"),
        ("cnn", "learning_rate", NAN, "nan but must be a number from 1e-09 to"),
        ("cnn", "learning_rate", INFINITE, "inf but must be a number"),
        ("cnn", "learning_rate", -1, "-1 but must be a number"),
        ("cnn", "learning_rate", 10**400, "must be a number"),
        ("cnn", "label_smoothing", 7, "7 but must be a number from 0 to 0.99"),
        ("cnn", "distortion", -1000, "from 0 to 5"),
        ("cnn", "weight_decay", -0.1, "from 0 to 10"),
        ("cnn_ensemble", "members", 0, "from 1 to 100"),
        ("mlp", "epochs", 0, "from 1 to 10,000: its parameters"),
        ("mlp", "batch_size", 0, "from 1 to 1,000,000: its parameters"),
        ("mlp", "batch_size", -5, "-5 but must be"),
        ("mlp", "units", 0, "from 1 to"),
        ("mlp", "patience", -1, "from 0 to"),
        ("xgboost", "rounds", -1, "from 0 to 100,000"),
        ("xgboost", "learning_rate", -1, "from 0 to 1"),
        ("xgboost", "learning_rate", NAN, "nan but must be"),
        ("xgboost", "max_depth", -3, "from 0 to"),
        ("xgboost", "max_bin", 1, "from 2 to"),
        ("xgboost", "subsample", 7, "from 0.001 to 1"),
        ("xgboost", "colsample_bytree", -1, "from 0.001 to 1"),
        ("xgboost", "patience", -1, "from 0 to"),
        ("xgboost", "shifts", 9, "from -1 to 8"),
        ("xgboost", "features", "edges", "one of pixels, gradients"),
        ("xgboost_2018", "rounds", 0, "from 1 to 100,000: its parameters"),
        ("xgboost_2018", "gamma", -0.5, "from 0 to"),
        ("logistic", "C", -1, "from 1e-06 to"),
        ("logistic", "C", NAN, "nan but must be"),
        ("logistic", "max_iter", 0, "from 1 to"),
    ],
)
def test_an_impossible_value_is_refused_with_what_is_possible(
    name: str, parameter: str, value: Any, sentence: str
) -> None:
    with pytest.raises(SettingsError, match=f"^{name}.{parameter} is .*{sentence}"):
        registry.parameters_of(registry.find(name), {parameter: value})


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("cnn", {"epochs": 0, "batch_size": 0, "label_smoothing": 0, "weight_decay": 0, "distortion": 0}),
        ("mlp", {"epochs": 1, "batch_size": 1, "units": 1, "patience": 0}),
        ("xgboost", {"rounds": 0, "learning_rate": 0, "patience": 0, "max_depth": 0, "subsample": 1, "shifts": 8}),
    ],
)
def test_the_ends_of_a_range_and_a_default_beyond_them_are_possible(name: str, given: dict[str, Any]) -> None:
    assert registry.parameters_of(registry.find(name), given).items() >= given.items()


@pytest.mark.parametrize("recipe", registry.RECIPES, ids=lambda recipe: recipe.name)
def test_every_parameter_has_a_range_or_choices_and_help(recipe: registry.Recipe) -> None:
    for parameter in described(recipe.parameters):
        assert " from " in parameter.allowed or parameter.allowed.startswith("one of "), parameter.name
        assert parameter.help.endswith("."), parameter.name
