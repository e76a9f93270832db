"""``gate`` on the command line: what a person reads, and what is refused."""

import json
from pathlib import Path

import pytest
import typer
from test_watcher import RELAXED, judge, promote
from typer.testing import CliRunner
from watched_models import candidate, fitted, split

from pipeline.cli import gate_commands as commands
from pipeline.errors import PipelineError
from pipeline.judging.policy import from_table
from pipeline.store import production
from pipeline.store.home import Home


@pytest.fixture
def call(home: Home, tmp_path, monkeypatch):
    """Runs ``gate …`` in a folder of its own; returns its output, raises its error."""
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    commands.register(app)
    app.command("other")(lambda: None)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["gate", *arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.output

    return run


@pytest.fixture
def judged_home(home: Home) -> Home:
    """A home with one judgement out of two paid for."""
    policy = from_table(RELAXED | {"horizon": 2, "screen_alpha": "off"})
    promote(home, candidate(home, "champion", fitted(60).onnx()), policy)
    judge(home, candidate(home, "challenger", fitted(50).onnx()), policy)
    return home


def test_the_policy_in_words_and_the_smallest_gain(call, home):
    said = " ".join(call("--home", str(home.root)).split())
    assert "p at most 0.00025 (0.05 shared by 200 judgements)" in said
    assert "a gain of 0.35 points is found 4 times in 5" in said
    assert not home.root.exists(), "looking creates nothing"


def test_a_benchmark_with_a_champion_alone(call, home):
    promote(home, candidate(home, "champion", fitted(60).onnx()))
    said = " ".join(call("--home", str(home.root)).split())
    assert "(digits, 1,000 images): nothing was spent; the next judgement needs p <= 0.00025. With 1,000 images" in said


def test_the_policy_comes_from_the_settings_file(call, home, tmp_path):
    (tmp_path / "pipeline.toml").write_text("[gate]\naccuracy_floor = 0.97\n")
    assert "at least 0.97" in call("--home", str(home.root))
    (tmp_path / "pipeline.toml").write_text("[gate]\nacuracy_floor = 0.97\n")
    with pytest.raises(PipelineError, match="acuracy_floor"):
        call("--home", str(home.root))


def test_what_is_left_and_a_longer_horizon(call, judged_home):
    where = ("--home", str(judged_home.root))
    assert "judged 1 of 2, 0.025 of alpha = 0.05 spent" in " ".join(call(*where).split())
    assert "judged 1 of 51" in call("extend", "--horizon", "51", *where)
    status = json.loads(call("--json", *where))["benchmarks"][0]
    assert (status["judged"], status["horizon"], status["images"]) == (1, 51, 1000)
    assert status["level"] == pytest.approx(min(0.025 / 50, 0.00025))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        pytest.param("", "the next judgement needs p <= 0.00025. With 1,000 images", id="guarded"),
        pytest.param('preset = "each-test"', "needs p <= 0.05 and spends nothing", id="each-test"),
        pytest.param('preset = "as-good"', "this gate needs no p-value and spends nothing.", id="as-good"),
        pytest.param(
            'mode = "non-inferior"\nmargin_pp = 5.0',
            "as good as the best champion it lets about 96 % through",
            id="non-inferior",
        ),
    ],
)
def test_what_a_policy_can_still_do_on_a_benchmark(call, judged_home, tmp_path, settings, said):
    (tmp_path / "pipeline.toml").write_text(f"[gate]\n{settings}\n" if settings else "")
    assert said in " ".join(call("--home", str(judged_home.root)).split())


def test_a_benchmark_judged_without_a_promise_is_named_and_measured(call, home):
    policy = from_table(RELAXED | {"preset": "each-test", "screen_alpha": "off"})
    promote(home, candidate(home, "champion", fitted(60).onnx()), policy)
    judge(home, candidate(home, "challenger", fitted(50).onnx()), policy)
    said = " ".join(call("--home", str(home.root)).split())
    assert "(digits, 1,000 images): nothing was spent; the next judgement needs p <= 0.00025" in said
    assert "promised nothing over a series: 1." in said


def test_a_champion_that_nothing_can_be_proven_better_than(call, judged_home):
    champion = production.current(judged_home, "digits")
    errors = json.loads((champion.folder / "scores.json").read_text())["errors"]
    level = 2.0 ** -(errors + 1)
    (Path.cwd() / "pipeline.toml").write_text(f"[gate]\nalpha = {level}\nhorizon = 1\n")
    said = " ".join(call("--home", str(judged_home.root)).split())
    assert f"The champion makes {errors} errors on these 1,000 images" in said
    assert "no challenger can be proven better here" in said


def test_extensions_that_are_refused(call, home, judged_home):
    where = ("--home", str(judged_home.root))
    with pytest.raises(PipelineError, match="larger number"):
        call("extend", "--horizon", "2", *where)
    with pytest.raises(PipelineError, match="--benchmark"):
        call("extend", "--horizon", "9", "--benchmark", "nosuch", *where)
    with pytest.raises(PipelineError, match="Nothing was judged"):
        call("extend", "--horizon", "9", "--home", str(home.root / "elsewhere"))


def test_a_tampered_ledger_is_named_and_the_rest_is_still_shown(call, judged_home):
    path = judged_home.versions / ".ledger" / f"{split().benchmark_sha256}.jsonl"
    path.write_text(path.read_text().replace('"horizon": 2', '"horizon": 9'))
    said = " ".join(call("--home", str(judged_home.root)).split())
    assert "line 1 was changed" in said
    assert "Gate: guarded" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--gain", "0.1"], "about 150,000 benchmark images", id="a tenth of a point"),
        pytest.param(["--gain", "1"], "about 1,700 benchmark images", id="a point"),
        pytest.param(["--gain", "0.1", "--gate", "each-test"], "about 49,000 benchmark images", id="each test"),
    ],
)
def test_plans(call, arguments, said):
    assert said in " ".join(call("plan", *arguments).split())


@pytest.mark.parametrize("arguments", [["--gain", "0"], ["--gain", "5", "--disagreement", "3"]])
def test_impossible_plans(call, arguments):
    with pytest.raises(PipelineError, match="impossible"):
        call("plan", *arguments)


def test_simulated_tables_are_put_between_the_marks(call, tmp_path):
    page = tmp_path / "gate.md"
    page.write_text(f"before\n{commands.TABLES_BEGIN}\nold\n{commands.TABLES_END}\nafter\n")
    call("simulate", "--gate", "guarded", "--repetitions", "20", "--write", str(page))
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n")
    assert "old" not in text
    assert text.count("| `guarded` |") == 2
    (tmp_path / "other.md").write_text("no marks")
    with pytest.raises(PipelineError, match="no lines"):
        call("simulate", "--gate", "guarded", "--repetitions", "10", "--write", str(tmp_path / "other.md"))
