"""A user's own recipe: the documented example, each library, and what is refused."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_training import Digits, train

from pipeline.errors import ModelError, SettingsError
from pipeline.inference.predictor import OnnxPredictor
from pipeline.models import registry
from pipeline.models.fitting import FitRequest
from pipeline.models.parameters import described

GUIDE = Path(__file__).parents[2] / "docs" / "own-model.md"

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write ``my_model.py`` into the current folder, and give the name of its recipe."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def to_module(source: str) -> str:
        monkeypatch.delitem(sys.modules, "my_model", raising=False)
        (tmp_path / "my_model.py").write_text(source, encoding="utf-8")
        return "my_model:build"

    return to_module


@pytest.mark.slow
def test_the_documented_example_trains_and_exports(write: Write, digits: Digits, tmp_path: Path) -> None:
    name = write(re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)[0])
    assert registry.find(name).defaults == {"filters": 16, "epochs": 3, "batch_size": 64}
    run = train(name, digits, tmp_path / "version", {"filters": 8, "batch_size": 32})
    assert len(run.history.rows) == 3
    exported = OnnxPredictor(run.onnx).predict(digits.test)
    np.testing.assert_allclose(exported, run.model.predict(digits.test), atol=1e-4)
    assert np.mean(exported.argmax(axis=1) == digits.test_labels) > 0.8


def test_every_parameter_that_was_used_is_known(write: Write) -> None:
    name = write(re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)[0])
    _, parameters = registry.create(registry.find(name), {"epochs": 7}, shape=(28, 28, 1), n_classes=10)
    assert parameters == {"filters": 16, "epochs": 7, "batch_size": 64, "patience": 3}
    with pytest.raises(SettingsError, match="my_model:build has no parameter 'layers': its parameters are filters"):
        registry.parameters_of(registry.find(name), {"layers": 7})


@pytest.mark.parametrize(
    ("default", "given", "sentence"),
    [
        ("rate=0.1", {"rate": float("nan")}, r"my_model:build.rate is nan but must be a number from -1e\+300 to"),
        ("rate=0.1", {"rate": 10**400}, "must be a number from"),
        ("rate=None", {"rate": float("inf")}, "rate is inf but must be made of finite numbers, text, true or false"),
        ("rates=[]", {"rates": [1.0, float("nan")]}, "must be made of finite numbers"),
        ("loss=max", {}, "loss is <built-in function max> but must be made of"),
        ("epochs=3", {"epochs": 0}, "epochs is 0 but must be a whole number from 1 to 10,000"),
    ],
)
def test_an_impossible_parameter_is_refused(default: str, given: dict[str, Any], sentence: str, write: Write) -> None:
    recipe = registry.find(write(f"def build(shape, n_classes, *, {default}):\n    return None\n"))
    with pytest.raises(SettingsError, match=sentence):
        registry.parameters_of(recipe, given)


def test_a_whole_number_without_limits_is_listed_without_a_range(write: Write) -> None:
    recipe = registry.find(write("def build(shape, n_classes, *, count: int = 1):\n    return None\n"))
    assert [one.allowed for one in described(recipe.parameters)] == ["a whole number"]


@pytest.mark.parametrize(
    ("keywords", "given", "sentence"),
    [
        (
            "depth: Annotated[int, Field(ge=1, le=12)] = 3",
            {"depth": 13},
            "depth is 13 but must be a whole number from 1",
        ),
        ("kind: Literal['wide', 'deep'] = 'wide'", {"kind": "big"}, "kind is 'big' but must be one of wide, deep"),
        ("rate: float = None", {"rate": "high"}, "rate is 'high' but must be a number"),
        ("count: int = 1", {"count": 2**70}, "1180591620717411303424 but must be a whole number of at most 64 bits: "),
        (
            "count: int = 1",
            {"count": 16**5000},
            "a number of thousands of digits but must be a whole number of at most",
        ),
        ("count: int = 1", {"count": "few"}, "count is 'few' but must be a whole number: "),
    ],
)
def test_an_annotation_limits_a_parameter(keywords: str, given: dict[str, Any], sentence: str, write: Write) -> None:
    imports = "from typing import Annotated, Literal\nfrom pydantic import Field\n"
    recipe = registry.find(write(f"{imports}def build(shape, n_classes, *, {keywords}):\n    return None\n"))
    assert registry.parameters_of(recipe, {}) == recipe.defaults
    with pytest.raises(SettingsError, match=sentence):
        registry.parameters_of(recipe, given)


def test_any_name_and_any_annotation_will_do(write: Write) -> None:
    keywords = "copy=1, _hidden='a', model_config=True, schema=0.5, sizes=[1], kind: object = 1"
    recipe = registry.find(write(f"def build(shape, n_classes, {keywords}, **others):\n    return None\n"))
    given = {
        "copy": 2,
        "_hidden": "b",
        "model_config": False,
        "schema": 1,
        "sizes": [2, 3],
        "kind": "y",
    }
    assert registry.parameters_of(recipe, given) == given
    assert len(described(recipe.parameters)) == 6
    with pytest.raises(SettingsError, match=r"sizes is 3 but must be like \[1\]"):
        registry.parameters_of(recipe, {"sizes": 3})
    unresolved = registry.find(write("def build(shape, n_classes, depth: 'Nowhere' = 3):\n    return None\n"))
    assert registry.parameters_of(unresolved, {"depth": 4}) == {"depth": 4}


@pytest.mark.parametrize(
    "returned",
    [
        "__import__('xgboost').XGBClassifier(n_estimators=15, max_depth=4, early_stopping_rounds=2)",
        "__import__('xgboost').XGBClassifier(n_estimators=8, max_depth=3, tree_method='exact')",
        "__import__('sklearn.ensemble').ensemble.RandomForestClassifier(40, max_depth=12)",
        "__import__('sklearn.tree').tree.DecisionTreeClassifier(min_samples_leaf=3)",
    ],
    ids=["xgboost stopping early", "xgboost exact", "forest", "tree"],
)
def test_other_libraries_train_and_export(returned: str, write: Write, digits: Digits, tmp_path: Path) -> None:
    name = write(f"def build(shape, n_classes):\n    return {returned}\n")
    run = train(name, digits, tmp_path / "version", {})
    natively, exported = run.model.predict(digits.test), OnnxPredictor(run.onnx).predict(digits.test)
    assert np.array_equal(natively.argmax(axis=1), exported.argmax(axis=1))
    np.testing.assert_allclose(exported, natively, atol=1e-4)
    assert np.mean(natively.argmax(axis=1) == digits.test_labels) > 0.7


KERAS = """import keras
L = keras.layers
def build(shape, n_classes):
    m = keras.Sequential([{layers}])
{more}    return m
"""


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("def build(shape, n_classes):\n    return 3\n", "returned int: return a Keras model, an XGBClassifier, or"),
        (
            "def build(shape, n_classes):\n    return 1 / 0\n",
            r"my_model:build failed at /.*, line 2: Zer.*zero\.$",
        ),
        ("def build(shape n_classes):\n    return 1\n", r"my_model cannot be imported at /.*, line 1: SyntaxError: "),
        ("x = 1\ny = x + nothing\n", r"my_model cannot be imported at /.*my_model.py, line 2: NameError: name"),
        ("def build(shape, n_classes, depth):\n    return 3\n", "'depth' of your function has no default"),
        ("import nowhere\n", r"my_model cannot be imported \(No module named 'nowhere'\): install it"),
        (
            KERAS.format(layers="L.Flatten(), L.Dense(n_classes)", more=""),
            r"not 10 probabilities: end it with Dense\(10, activation='softmax'\)",
        ),
        (
            KERAS.format(layers="keras.Input((9, 9, 1)), L.Flatten(), L.Dense(10, activation='softmax')", more=""),
            "cannot be built for images of 28 x 28 x 1",
        ),
        (
            KERAS.format(
                layers="L.Flatten(), L.Dense(10, activation='softmax')",
                more="    m.compile('adam', 'categorical_crossentropy')\n",
            ),
            "compile with sparse_categorical_crossentropy",
        ),
        (
            "import sklearn.svm\ndef build(shape, n_classes):\n    return sklearn.svm.LinearSVC()\n",
            "returned LinearSVC: return a Keras model",
        ),
    ],
    ids=[
        "a number",
        "an error",
        "a syntax error",
        "an error at import",
        "no default",
        "broken import",
        "logits",
        "other images",
        "one-hot",
        "not probabilities",
    ],
)
def test_anything_else_is_one_clear_error(source: str, sentence: str, write: Write, digits: Digits) -> None:
    name = write(source)

    def use() -> Any:
        model, _ = registry.create(registry.find(name), {}, shape=(28, 28, 1), n_classes=10)
        images, labels = digits.train, digits.train_labels
        return model.fit(FitRequest(images[:20], labels[:20], images[:0], labels[:0], seed=0))

    with pytest.raises(ModelError, match=sentence):
        use()


@pytest.mark.parametrize("given", ["my_model", "my_model.py"])
def test_a_module_without_its_function_is_completed(given: str, write: Write) -> None:
    write("def helper():\n    pass\n\n\ndef build(shape, n_classes):\n    return None\n")
    with pytest.raises(ModelError, match=f"There is no model '{given}': did you mean my_model:build"):
        registry.find(given)


@pytest.mark.slow
def test_tensorflow_prints_nothing_when_a_module_of_ones_own_imports_it_first(tmp_path: Path) -> None:
    (tmp_path / "my_model.py").write_text(
        "import sys\nimport keras\nprint('my own line', file=sys.stderr)\n\n"
        "def build(shape, n_classes):\n"
        "    network = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(n_classes)])\n"
        "    return keras.Sequential([network, keras.layers.Softmax()])\n"
    )
    code = (
        "from pipeline.models import registry\n"
        "recipe = registry.find('my_model:build')\n"
        "registry.create(recipe, {}, shape=(8, 8, 1), n_classes=3)\n"
    )
    search = os.pathsep.join([str(GUIDE.parents[1]), *sys.path])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": search},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "my own line\n")
