"""``gate`` on the command line: what a person reads, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from test_watcher import RELAXED, judge, promote
from typer.testing import CliRunner
from watched_models import candidate, fitted

from pipeline.cli import gate_commands as commands
from pipeline.errors import PipelineError
from pipeline.inspection import gate_status
from pipeline.judging.policy import from_table
from pipeline.store import versions
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
    """A home with one judgement paid for."""
    policy = from_table(RELAXED | {"screen_alpha": "off"})
    promote(home, candidate(home, "champion", fitted(60).onnx()), policy)
    judge(home, candidate(home, "challenger", fitted(50).onnx()), policy)
    return home


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_policy_in_words_and_the_smallest_gain(call, home):
    said = words(call("--home", str(home.root)))
    assert "The judgements of a dataset share 0.05" in said
    assert "a gain of 0.29 points is found 4 times in 5" in said
    assert not home.root.exists(), "looking creates nothing"


def test_a_dataset_with_a_champion_alone(call, home):
    promote(home, candidate(home, "champion", fitted(60).onnx()))
    said = words(call("--home", str(home.root)))
    assert "digits (1,000 benchmark images): nothing was spent; the next judgement needs p <= 0.0002 if" in said
    assert "up to 0.015 the better they look. With 1,000 benchmark images, of which the champion gets" in said


def test_the_policy_comes_from_the_settings_file(call, home, tmp_path):
    (tmp_path / "pipeline.toml").write_text("[gate]\naccuracy_floor = 0.97\n")
    assert "at least 0.97" in call("--home", str(home.root))
    (tmp_path / "pipeline.toml").write_text("[gate]\nacuracy_floor = 0.97\n")
    with pytest.raises(PipelineError, match="acuracy_floor"):
        call("--home", str(home.root))


def test_what_is_left(call, judged_home):
    where = ("--home", str(judged_home.root))
    assert "digits (1,000 benchmark images): 1 judgement, 0.000" in words(call(*where))
    status = json.loads(call("--json", *where))["datasets"][0]
    assert (status["dataset"], status["judged"], status["images"], status["benchmarks"]) == ("digits", 1, 1000, 1)
    assert status["left"] == pytest.approx(0.05 - status["spent"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        pytest.param("", "up to 0.0149 the better they look. With 1,000 benchmark images", id="guarded"),
        pytest.param('preset = "each-test"', "needs p <= 0.05 and spends nothing", id="each-test"),
        pytest.param('preset = "as-good"', "this gate needs no p-value and spends nothing.", id="as-good"),
        pytest.param('mode = "non-inferior"\nmargin_pp = 5.0', "as good as the best champion pass", id="non-inferior"),
    ],
)
def test_what_a_policy_can_still_do(call, judged_home, tmp_path, settings, said):
    (tmp_path / "pipeline.toml").write_text(f"[gate]\n{settings}\n" if settings else "")
    assert said in words(call("--home", str(judged_home.root)))


def test_a_dataset_judged_without_a_promise_is_named_and_measured(call, home):
    policy = from_table(RELAXED | {"preset": "each-test", "screen_alpha": "off"})
    promote(home, candidate(home, "champion", fitted(60).onnx()), policy)
    judge(home, candidate(home, "challenger", fitted(50).onnx()), policy)
    said = words(call("--home", str(home.root)))
    assert "digits (1,000 benchmark images): nothing was spent; the next judgement needs p <= 0.0002" in said
    assert "promised nothing over a series: 1." in said


def test_a_dataset_without_a_champion_needs_no_p_value(call, home):
    challenger = candidate(home, "one", fitted(60).onnx())
    versions.publish(home, challenger, judge(home, challenger))
    said = words(call("--home", str(home.root)))
    assert said.endswith(
        "digits: nothing was spent; it has no champion, so the next judgement compares nothing, needs no p-value and "
        "costs nothing."
    )


def test_growing_needs_another_level_of_the_champions_recipe():
    status = gate_status.Status("d", images=10_000, validation_images=6_000, left=0.049, champion_errors=80)
    next_one, kept, other, gain = status.in_words(from_table({"preset": "growing"}))
    assert next_one.endswith(
        "the next judgement needs p <= 0.0147 for the champion's recipe trained on more images and p <= 0.000196 for "
        "any other challenger if validation images show no difference, up to 0.0147 the better they look."
    )
    assert kept.startswith("The champion's recipe trained on more images need not be better: if it is just as good, ")
    assert other == "Any other challenger has to be proven better:"
    assert "points is found 4 times in 5" in gain


def test_a_margin_sets_the_level_of_any_challenger():
    status = gate_status.Status("d", images=1_000, validation_images=600, left=0.05, champion_errors=8)
    first, *_ = status.in_words(from_table({"mode": "non-inferior", "margin_pp": 5.0}))
    assert "needs p <= 0.015 if validation images show no difference" in first and "the better they look" not in first


def test_no_preset_is_named_that_could_not_promote_anything_here():
    few = gate_status.Status("digits", images=359, validation_images=143, alpha=0.05, left=0.05, champion_errors=4)
    said = few.in_words(from_table())[-1]
    assert "at p <= 0.015. What helps: about 2,400 more benchmark images" in said
    assert "--gate growing" not in said and "cross-fit" not in said and "--gate as-good" in said
    assert "--folds 5 --gate cross-fit" in replace(few, images_in_folds=1_438).in_words(from_table())[-1]
    several = replace(few, images=3_590, validation_images=1_430, champion_errors=14)
    assert "--gate growing" in several.in_words(from_table())[-1]
    assert "--gate growing" not in several.in_words(from_table({"preset": "growing"}))[-1]


def test_a_champion_without_errors_leaves_nothing_to_prove_but_something_helps():
    status = gate_status.Status("shapes", images=170, validation_images=68, alpha=0.05, left=0.05, champion_errors=0)
    *_, found, helps = status.in_words(from_table())
    assert found == "The champion gets none of the 170 benchmark images wrong, so nothing can be proven better on them."
    assert "What helps: at least " in helps and "--gate growing" not in helps
    assert "--gate growing" in replace(status, images=10_000, validation_images=4_000).in_words(from_table())[-1]
    assert len(replace(status, champion_errors=None).in_words(from_table())) == 2, "not judged on a benchmark"


def test_a_champion_that_nothing_can_be_proven_better_than(call, judged_home):
    (Path.cwd() / "pipeline.toml").write_text("[gate]\nalpha = 1e-30\n")
    said = words(call("--home", str(judged_home.root)))
    assert "nothing is left" in said
    assert "not even a challenger that fixes every error would be proven better 4 times in 5" in said


def test_an_old_settings_file_is_told_what_to_do(call, home, tmp_path):
    (tmp_path / "pipeline.toml").write_text("[gate]\nhorizon = 200\n")
    with pytest.raises(PipelineError, match=r"alpha now covers the whole life of a dataset.*remove the line"):
        call("--home", str(home.root))


def test_a_tampered_ledger_is_named_and_the_rest_is_still_shown(call, judged_home):
    path = judged_home.versions / ".ledger" / "digits.jsonl"
    path.write_text(path.read_text().replace('"images": 1000', '"images": 2000'))
    said = words(call("--home", str(judged_home.root)))
    assert "line 1 was changed" in said
    assert "Gate: guarded" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(
            ["--gain", "0.1"], "about 88,000 benchmark images, with 40 validation images", id="a tenth of a point"
        ),
        pytest.param(["--gain", "1"], "about 1,300 benchmark images, with 40", id="a point"),
        pytest.param(["--gain", "0.1", "--gate", "each-test"], "about 48,000 benchmark images", id="each test"),
    ],
)
def test_plans(call, arguments, said):
    assert said in " ".join(call("plan", *arguments).split())


@pytest.mark.parametrize("arguments", [["--gain", "0"], ["--gain", "5", "--disagreement", "3"]])
def test_impossible_plans(call, arguments):
    with pytest.raises(PipelineError, match="impossible"):
        call("plan", *arguments)


@pytest.mark.slow
def test_simulated_tables_are_put_between_the_marks(call, tmp_path):
    page = tmp_path / "gate.md"
    page.write_text(f"before\n{commands.TABLES_BEGIN}\nold\n{commands.TABLES_END}\nafter\n")
    call("simulate", "--gate", "guarded", "--repetitions", "20", "--write", str(page))
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n")
    assert "old" not in text
    assert text.count("0.05 / 200 each |") == 2
    assert "| best of six on validation |" in text
    assert "| `guarded`, first judgement |" in text
    (tmp_path / "other.md").write_text("no marks")
    with pytest.raises(PipelineError, match="is not a text file with the lines"):
        call("simulate", "--gate", "guarded", "--repetitions", "10", "--write", str(tmp_path / "other.md"))
