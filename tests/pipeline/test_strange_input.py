"""What nobody types on purpose: each is one sentence and a status, never a traceback, and never printed at length."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.table import Table
from rich.text import Text

from pipeline.cli.terminal import PlainConsole
from pipeline.store.home import Home

ROOT = Path(__file__).parents[2]
LONG = "a" * 25_000
HEXADECIMAL = "0x" + "f" * 5000
BRACKETS = "[" * 3000
NOT_UTF8 = os.fsdecode(b"caf\xe9")


def give(words: Sequence[str | Path], home: Home | None, **environment: str) -> tuple[int, str, str]:
    """Give a command in a process of its own: exit status, standard output and standard error."""
    place = ["--home", str(home.root)] if home else []
    done = subprocess.run(
        [sys.executable, str(ROOT / "simulator.py"), *map(str, words), *place],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout.decode(), " ".join(done.stderr.decode().split())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("run", "--dataset", "digits", "--train-sizes", "1e-999999999"), "'1e-999999999' is not a size"),
        (("run", "--dataset", "digits", "--train-sizes", "9" * 5000), "is not a size"),
        (("run", "--set", f"cnn.epochs={HEXADECIMAL}"), "is a number of thousands of digits but must be a whole"),
        (("run", "--set", f"cnn.learning_rate={HEXADECIMAL}"), "is a number of thousands of digits but must be"),
        (("run", "--set", f"cnn.epochs={BRACKETS}"), "but must be a whole number"),
        (("run", "--set", "logistic.C=5\nx=1"), r"logistic.C is '5\nx=1' but must be a number"),
        (("run", "--set", f"cnn.epochs={LONG}"), "(25,002 characters) but must be a whole number"),
        (("run", "--set", f"cnn.{LONG}=1"), "cnn has no parameter"),
        (("run", "--set", LONG), "sets no parameter"),
        (("run", "--models", LONG), "There is no model"),
        (("run", "--models", f"{LONG}:build"), "cannot be imported"),
        (("run", "--gate", LONG), "(25,"),
        (("run", "--dataset", LONG), "Error"),
        (("run", "--config", LONG), "Error"),
        (("run", f"--{LONG}"), "No such option"),
        (("versions", "--sort", "acc"), "Invalid value for '--sort': 'acc' is not one of"),
        ((LONG,), "No such command"),
        (("run", "--dataset", "~nouser/train.csv"), "~nouser/train.csv does not exist"),
        (("run", "--dataset", NOT_UTF8), r"The argument 'caf\udce9' is not valid UTF-8"),
        (("rollback", "--reason", NOT_UTF8), r"The argument 'caf\udce9' is not valid UTF-8"),
        (("serve", "--host", NOT_UTF8), r"The argument 'caf\udce9' is not valid UTF-8"),
        (("predict", "x.csv", "--output", NOT_UTF8), r"The argument 'caf\udce9' is not valid UTF-8"),
        (("run", "--dataset", "digits", "--test-images", "/nothing.csv"), "/nothing.csv does not exist"),
    ],
    ids=lambda value: " ".join(map(str, value))[:40] if isinstance(value, tuple) else "",
)
def test_it_is_one_short_sentence(words: tuple[str, ...], sentence: str, home: Home, command: Any) -> None:
    status, out, err = command(*words, "--home", home.root)
    err = " ".join(err.split())
    assert status in (1, 2)
    assert sentence in err
    assert "Traceback" not in err
    assert len(err) < 1500
    assert out == ""
    assert not list(home.versions.glob("*/manifest.json"))


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("[run]\noverrides = 5", "[run] has no setting 'overrides': use the table [recipe.NAME]"),
        ("[run]\ngate = {}", "[run] has no setting 'gate': use the table [gate]"),
        ("[run]\nsede = 5", "pipeline.toml: There is no such setting, did you mean seed?"),
        ("seed = 5", "has the unknown key 'seed'"),
        ("[sweep]\nseed = 5", "has the unknown table 'sweep'"),
        (f"[run]\nseed = {BRACKETS}", "its brackets are nested too deeply"),
        (f"[run]\nseed = {HEXADECIMAL}", "pipeline.toml: Input should be less than 2147483648"),
        (f"[recipe.cnn]\nepochs = {HEXADECIMAL}", "is a number of thousands of digits but must be a whole"),
        (f"[run]\n{LONG} = 1", "There is no such setting"),
        (f"{LONG} = 1", "has the unknown key"),
        ('[run]\ndataset = "a\\u0000b"', "has control characters in its name"),
        ('[run]\ntrain_sizes = "all"', "'train_sizes' in [run] of"),
        ('[run]\ntrain_sizes = "all"', 'Write it as a list, as in ["100", "all"]'),
    ],
    ids=lambda text: text[:40],
)
def test_so_is_a_settings_file(table: str, sentence: str, home: Home, tmp_path: Path, command: Any) -> None:
    file = tmp_path / "pipeline.toml"
    file.write_text(table)
    status, _, err = command("run", "--config", file, "--home", home.root)
    err = " ".join(err.split())
    assert status == 1
    assert sentence in err
    assert "Traceback" not in err
    assert len(err) < 1500


def test_a_settings_file_that_is_not_text(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "pipeline.toml"
    file.write_bytes(b"\xff\xfe")
    status, _, err = give(("run", "--config", file), home)
    assert status == 1
    assert "cannot be read as TOML" in err


def test_tables_are_written_only_into_a_text_file_with_the_marks(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    Image.new("L", (9, 9)).save(picture)
    before = picture.read_bytes()
    words = ("gate", "simulate", "--repetitions", "10", "--gate", "as-good")
    status, _, err = give((*words, "--write", picture), None)
    assert status == 1
    assert "is not a text file with the lines" in err
    assert picture.read_bytes() == before
    status, _, err = give((*words, "--seed=-1"), None)
    assert status == 2
    assert "--seed" in err


def test_a_home_whose_name_is_not_text(tmp_path: Path) -> None:
    named = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    status, _, err = give(("versions",), None, PIPELINE_HOME=named)
    assert status == 1
    assert "has a name that is not valid UTF-8: rename it" in err


@pytest.mark.slow
def test_markup_is_shown_as_it_is(run, home: Home) -> None:  # type: ignore[no-untyped-def]
    run()
    run(models=("dummy",))
    reason = "[/3] [red]now[/] :smile:"
    assert give(("promote", "dummy", "--override", "--reason", reason), home)[0] == 0
    for words in (("production",), ("show", "dummy")):
        status, out, err = give(words, home)
        assert status == 0, err
        assert reason in out


def test_control_codes_are_shown_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    strange = "\x1b[31mred\x1b[0m [/3] \u202e\u2028 :smile:"
    table = Table("name", title=strange)
    table.add_row(strange)
    table.add_row(Text.assemble(("name: ", "bold"), strange))
    for shown in (strange, Text(strange), table):
        PlainConsole().print(shown)
    printed = capsys.readouterr().out
    assert not any(character in printed for character in "\x1b\u202e\u2028")
    words = printed.translate(dict.fromkeys(map(ord, "│\n "))).replace("name:", "")
    assert words.count(r"\x1b[31mred\x1b[0m[/3]\u202e\u2028:smile:") == 5


@pytest.mark.slow
@pytest.mark.parametrize("words", [("versions",), ("show", "logistic"), ("production",), ("gate",)])
def test_an_ascii_terminal_gets_ascii(words: tuple[str, ...], run, home: Home) -> None:  # type: ignore[no-untyped-def]
    run()
    status, out, err = give(words, home, PYTHONIOENCODING="ascii")
    assert status == 0, err
    assert out.isascii()
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert give(words, home, **locale)[:2] == (0, out)


@pytest.mark.slow
def test_json_is_json_on_an_ascii_terminal(run, home: Home) -> None:  # type: ignore[no-untyped-def]
    run()
    run(models=("dummy",))
    assert give(("promote", "dummy", "--override", "--reason", "größer"), home)[0] == 0
    status, out, _ = give(("production", "--json"), home, PYTHONIOENCODING="ascii")
    assert status == 0
    assert out.isascii()
    assert json.loads(out)["history"][-1]["reason"] == "größer"
