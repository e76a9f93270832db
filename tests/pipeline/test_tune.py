"""``tune``: a search that resumes, keeps off the benchmark, and whose result a version records."""

import json
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clusters import local_cluster

from pipeline.config import Settings
from pipeline.data import digests, roles, sources, splits
from pipeline.errors import DataError, ModelError, ServiceError, SettingsError, StoreError
from pipeline.facts.tuning_facts import NumberRange, Study, Trial
from pipeline.models import registry, search_space
from pipeline.store import competitions, manifest, role_records, tuning_journal
from pipeline.store.home import Home
from pipeline.tuning import result_table, trials, tune
from pipeline.tuning.proposals import propose
from pipeline.tuning.searching import Limits, best

SMALL = {"max_iter": 5}


def search(data: Path, home: Home, count: int, **given: Any) -> tune.Tuning:
    """Search ``logistic`` on the small dataset."""
    limits = Limits(count, given.pop("seconds", float("inf")))
    notify = given.pop("notify", lambda _: None)
    wanted = tune.Wanted("logistic", "all", given.pop("fixed", SMALL), given.pop("sampler", "tpe"), limits)
    settings = Settings(dataset=str(data), **given)
    return tune.tune(settings, home, wanted, notify, lambda *_: None)


def without_times(found: Sequence[Trial]) -> list[Trial]:
    return [trial.model_copy(update={"seconds": 0.0}) for trial in found]


@pytest.fixture(scope="module")
def study() -> Study:
    space = {"learning_rate": NumberRange(kind="number", low=0.01, high=1.0, log=True)}
    given = {"train_sha256": "", "validation_sha256": "", "judging_sha256": ""}
    return Study(format=1, dataset="d", recipe="xgboost", fixed={}, space=space, sampler="tpe", seed=0, **given)


def test_only_a_recipe_of_ones_own_has_its_source_in_the_study(study: Study) -> None:
    before = study.model_dump(mode="json", exclude={"source_sha256"})
    assert tuning_journal.digest(study) == manifest.canonical_digest(before), "older searches go on"
    own = study.model_copy(update={"source_sha256": "0" * 64})
    assert tuning_journal.digest(own) != tuning_journal.digest(study)


def test_the_first_trial_has_the_defaults_and_the_best_is_the_lowest_log_loss(data: Path, home: Home) -> None:
    found = search(data, home, 4)
    assert found.trials[0].parameters == {"C": 0.1, "max_iter": 5}
    assert all(1e-4 <= trial.parameters["C"] <= 100 for trial in found.trials)
    assert len({trial.parameters["C"] for trial in found.trials}) == 4
    assert found.best.log_loss == min(trial.log_loss for trial in found.trials)
    assert found.parameters == {"max_iter": 5, "C": found.best.parameters["C"]}
    assert "Best of 4 trials" in found.sentences[0]


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(data: Path, home: Home, tmp_path: Path) -> None:
    at_once = search(data, home, 5)
    other = Home(tmp_path / "other")
    search(data, other, 2)
    path = tuning_journal.file(other, at_once.study)
    path.write_bytes(path.read_bytes() + b'{"number": 2, "para')
    assert without_times(search(data, other, 5).trials) == without_times(at_once.trials)
    assert len(search(data, other, 5).trials) == 5, "what is done is not done again"


def test_it_says_at_its_start_what_it_does_and_what_it_takes_over(data: Path, home: Home) -> None:
    said: list[str] = []
    search(data, home, 2, notify=said.append)
    assert said[-1].startswith("Searching C of logistic: 2 trials fitted on ") and "compared by log loss" in said[-1]
    few = "validation images. So few hardly tell good parameters from lucky ones."
    assert said[-1].endswith(few)
    search(data, home, 3, notify=said.append)
    assert said[-1].endswith(f"{few} 2 trials of earlier calls count among them.")


def test_a_search_without_a_result_says_what_to_change(data: Path, home: Home) -> None:
    with pytest.raises(ModelError, match=r"within 0 s: give a longer --timeout, or fewer images with --train-size"):
        search(data, home, 1, seconds=1e-9)


def test_a_best_trial_of_lower_accuracy_than_the_defaults_says_why(study: Study) -> None:
    known = {"parameters": {}, "outcome": "complete", "seconds": 1.0}
    first = Trial(number=0, score=0.2, log_loss=0.2, accuracy=0.95, **known)
    better = Trial(number=1, score=0.1, log_loss=0.1, accuracy=0.94, **known)
    said = tune.Tuning(study, [first, better], better, 100).sentences
    assert said[1] == "Trials are compared by log loss; by accuracy, the defaults are better."
    equal = better.model_copy(update={"accuracy": 0.95})
    assert len(tune.Tuning(study, [first, equal], equal, 100).sentences) == 2


@pytest.mark.slow
def test_it_survives_a_kill(data: Path, home: Home) -> None:
    program = (
        "import os, signal, sys\nsys.path[:0] = ['tests/pipeline']\nfrom pathlib import Path\n"
        "from pipeline.store.home import Home\nfrom pipeline.store import tuning_journal\nimport test_tune\n"
        "append = tuning_journal.append\n"
        "def killed(home, study, trial):\n"
        "    append(home, study, trial)\n"
        "    if trial.number == 1: os.kill(os.getpid(), signal.SIGKILL)\n"
        "tuning_journal.append = killed\n"
        f"test_tune.search(Path({str(data)!r}), Home(Path({str(home.root)!r})), 4)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert [trial.number for trial in search(data, home, 3).trials] == [0, 1, 2]


def test_no_trial_sees_a_benchmark_image(data: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[trials.TrialImages] = []
    monkeypatch.setattr(tune, "search", lambda home, study, images, *_, **__: seen.append(images) or [])
    with pytest.raises(ModelError, match="No trial finished"):
        search(data, home, 1)
    with np.load(data) as arrays:
        total = len(arrays["labels"])
    (handed,) = seen
    assert len(handed.data) == total * 4 // 5, "a fifth is the benchmark"
    fitted_or_validating = np.concatenate([handed.train, handed.validation])
    assert sorted(fitted_or_validating) == list(range(len(handed.data)))
    assert np.isin(handed.judging, fitted_or_validating).all()
    assert (digests.image_digests(handed.data.images) == handed.data.digests).all()
    whole = sources.load(str(data))
    known = splits.assign_roles(whole, role_records.load(home, whole.name))
    benchmark = known.digests[known.roles == roles.BENCHMARK]
    assert len(benchmark) == total // 5
    assert not digests.contained(handed.data.digests, benchmark).any()
    truth = dict(zip(whole.digests.tolist(), whole.labels.tolist(), strict=True))
    assert [truth[one] for one in handed.data.digests.tolist()] == handed.data.labels.tolist()


@pytest.mark.slow
def test_side_by_side_the_same_trials_are_recorded_once(data: Path, home: Home) -> None:
    found = search(data, home, 4, jobs=2, sampler="random")
    assert sorted(trial.number for trial in found.trials) == [0, 1, 2, 3]
    alone = search(data, Home(home.root / "alone"), 4, sampler="random")
    by_number = sorted(without_times(found.trials), key=lambda trial: trial.number)
    assert [one.parameters for one in by_number] == [one.parameters for one in alone.trials]


SLEEPER = """
import pathlib, time
from typing import Annotated, Literal
from pipeline.models.search_space import Searched
def build(shape, n_classes, *, kind: Annotated[Literal["a", "b"], Searched()] = "a"):
    pathlib.Path("busy").touch()
    time.sleep(600)
"""


@pytest.mark.slow
def test_sigterm_does_not_wait_for_the_trials_of_other_processes(data: Path, home: Home, tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    words = ["tune", "--model", "sleeper:build", "--dataset", data, "--trials", "2", "--jobs", "2", "--home", home.root]
    program = [sys.executable, Path(__file__).parents[2] / "simulator.py", *words]
    started = subprocess.Popen(program, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "busy").exists():
        assert started.poll() is None
        time.sleep(0.1)
    started.terminate()
    _, told = started.communicate(timeout=60)
    assert started.returncode == 128 + signal.SIGTERM
    assert told.endswith("Stopped. Finished trials are kept; the same command continues the search.\n")


def test_time_that_is_up_ends_it_with_what_there_is(data: Path, home: Home) -> None:
    search(data, home, 1)
    assert len(search(data, home, 50, seconds=1e-9).trials) == 1
    with pytest.raises(ModelError, match="longer --timeout"):
        search(data, home, 5, seconds=1e-9, seed=7)


def test_a_hopeless_trial_is_ended_early(study: Study) -> None:
    """Five trials of loss 0.1 throughout: what has 0.2 after three tenths is worse than their median."""
    good = tuple((tenth, 0.1) for tenth in range(1, 10))
    finished = [
        Trial(number=n, parameters={"learning_rate": 0.1 + n / 10}, outcome="complete", score=0.1, log_loss=0.1,
              accuracy=1.0, seconds=1.0, seen=good)
        for n in range(5)
    ]  # fmt: skip
    proposal = propose(study, finished, 5)
    assert not proposal.hopeless(1, 0.2), "too early to say"
    assert proposal.hopeless(3, 0.2)
    assert not propose(study, finished, 5).hopeless(3, 0.05)
    assert propose(study, finished, 5).parameters == proposal.parameters != propose(study, finished, 6).parameters


def test_proposals_go_where_it_was_good(study: Study) -> None:
    losses = {rate: abs(np.log10(rate) + 1.5) + 0.1 for rate in np.geomspace(0.01, 1.0, 25)}
    finished = [
        Trial(number=n, parameters={"learning_rate": rate}, outcome="complete", score=loss, log_loss=loss, seconds=1)
        for n, (rate, loss) in enumerate(losses.items())
    ]
    proposed = [propose(study, finished, number).parameters["learning_rate"] for number in range(25, 45)]
    assert 0.02 < np.median(proposed) < 0.05


def test_proposals_go_where_the_metric_is_high(study: Study) -> None:
    """The log loss points elsewhere, and has no say."""
    scores = {rate: 0.9 - abs(np.log10(rate) + 1.5) for rate in np.geomspace(0.01, 1.0, 25)}
    finished = [
        Trial(number=n, parameters={"learning_rate": rate}, outcome="complete", score=score, log_loss=score, seconds=1)
        for n, (rate, score) in enumerate(scores.items())
    ]
    accurate = study.model_copy(update={"metric": "accuracy"})
    proposed = [propose(accurate, finished, number).parameters["learning_rate"] for number in range(25, 45)]
    assert 0.02 < np.median(proposed) < 0.05


def test_the_best_trial_is_best_at_the_metric_and_of_equals_the_surer_one(study: Study) -> None:
    scores = [(0.97, 0.10), (0.98, 0.30), (0.98, 0.20), (0.96, 0.05)]
    finished = [
        Trial(number=n, parameters={}, outcome="complete", score=score, log_loss=loss, accuracy=score, seconds=1)
        for n, (score, loss) in enumerate(scores)
    ]
    finished.append(Trial(number=4, parameters={}, outcome="pruned", seconds=1))
    assert best(finished, study.model_copy(update={"metric": "macro-f1"})).number == 2
    by_loss = [trial.model_copy(update={"score": trial.log_loss}) for trial in finished]
    assert best(by_loss, study).number == 3


def test_the_metric_is_the_one_named_or_that_of_the_competition(data: Path, home: Home) -> None:
    named = search(data, home, 2, metric="macro-f1")
    assert named.study.metric == "macro-f1"
    assert named.best.score == max(trial.score for trial in named.trials)
    assert "with macro F1 " in named.sentences[0]
    of_its_own = search(data, home, 2, competition="digit-recognizer")
    assert of_its_own.study.metric == "accuracy"
    assert of_its_own.best.score == of_its_own.best.accuracy
    assert search(data, home, 2, competition="digit-recognizer", metric="quadratic-kappa").best.score <= 1
    assert competitions.choices(home, "digit-recognizer").metric == "quadratic-kappa", "it is kept for later commands"
    assert search(data, home, 2, competition="another", metric="accuracy").study.metric == "accuracy"
    with pytest.raises(DataError, match=r"sample_submission\.csv of unheard-of is missing"):
        search(data, home, 2, competition="unheard-of")


@pytest.mark.slow
def test_a_cluster_runs_the_same_trials(data: Path, home: Home) -> None:
    alone = search(data, Home(home.root / "alone"), 4, sampler="random")
    with local_cluster(workers=2, threads=1) as cluster:
        found = search(data, home, 4, sampler="random", cluster=cluster.scheduler_address)
    in_order = sorted(found.trials, key=lambda trial: trial.number)
    assert without_times(in_order) == without_times(alone.trials)


@pytest.mark.slow
def test_a_trial_that_kills_every_worker_is_one_sentence(data: Path, home: Home) -> None:
    wanted = tune.Wanted("deadly_recipe:search", "all", {}, "tpe", Limits(2))
    with (
        local_cluster(workers=2, threads=1) as cluster,
        pytest.raises(ServiceError, match=r"training a trial of deadly_recipe:search died.*finished work is kept"),
    ):
        settings = Settings(dataset=str(data), cluster=cluster.scheduler_address)
        tune.tune(settings, home, wanted, lambda _: None, lambda *_: None)


def test_a_fit_is_left_as_soon_as_it_is_hopeless(study: Study) -> None:
    class Hopeless:
        parameters: dict[str, Any] = {}  # noqa: RUF012

        def hopeless(self, tenth: int, loss: float) -> bool:
            return tenth == 4

    watch = trials._Watch(Hopeless(), float("inf"))
    with pytest.raises(trials._Hopeless):
        for step in range(1, 31):
            watch(step, 30, {"validation_loss": 1 / step})
    assert [tenth for tenth, _ in watch.seen] == [1, 2, 3, 4]
    assert step == 12


@pytest.mark.slow
def test_a_version_records_the_search_that_found_its_parameters(run: Any, data: Path, home: Home) -> None:
    found = search(data, home, 3)
    other = next(one for one in found.trials if one.number)
    overrides = {"logistic": dict(other.parameters)}
    facts = manifest.read(run(overrides=overrides).rows[0].version.folder)
    assert (facts.tuned.trials, facts.tuned.study) == (3, tuning_journal.digest(found.study))
    assert manifest.read(run(overrides={"logistic": SMALL}).rows[0].version.folder).tuned is None, "the defaults"
    assert manifest.read(run().rows[0].version.folder).tuned is None


def test_a_changed_record_is_refused(data: Path, home: Home) -> None:
    found = search(data, home, 2)
    path = tuning_journal.file(home, found.study)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1].replace('"complete"', '"splendid"'), lines[2]]) + "\n")
    with pytest.raises(StoreError, match=r"outcome.*See line 2"):
        search(data, home, 2)


def test_two_searches_of_one_study_do_not_mix(data: Path, home: Home) -> None:
    found = search(data, home, 1)
    with tuning_journal.exclusive(home, found.study), pytest.raises(StoreError, match="Another process is using"):
        search(data, home, 2)


@pytest.mark.parametrize(
    ("recipe", "fixed", "sentence"),
    [
        ("dummy", {}, "none of its parameters is marked"),
        ("logistic", {"C": 1.0}, "all of its searched parameters are set"),
        ("logistic", {"D": 1.0}, "has no parameter 'D'"),
    ],
)
def test_what_cannot_be_searched_is_refused(data: Path, home: Home, recipe: str, fixed: Any, sentence: str) -> None:
    wanted = tune.Wanted(recipe, "all", fixed, "tpe", Limits(1))
    with pytest.raises((ModelError, SettingsError), match=sentence):
        tune.tune(Settings(dataset=str(data)), home, wanted, lambda _: None, lambda *_: None)


@pytest.mark.parametrize("recipe", [one for one in registry.RECIPES if one.name != "dummy"], ids=lambda one: one.name)
def test_every_recipe_can_be_searched_within_what_it_allows(recipe: registry.Recipe) -> None:
    for name, values in search_space.space(recipe.name, recipe.parameters).items():
        assert isinstance(values, NumberRange)
        for bound in (values.low, values.high):
            registry.parameters_of(recipe, {name: int(bound) if values.kind == "integer" else bound})


def test_the_command_prints_a_table_and_merges_it(command: Any, data: Path, home: Home, tmp_path: Path) -> None:
    settings = tmp_path / "mine.toml"
    settings.write_text("[run]  # mine\nseed = 0\n\n[recipe.logistic]\nC = 5.0  # old\n\n[recipe.cnn]\nepochs = 5\n")
    words = ("tune", "--model", "logistic", "--dataset", data, "--trials", 2, "--set", "logistic.max_iter=5")
    status, out, _ = command(*words, "--home", home.root, "--write", settings, "--timeout", "2m")
    assert status == 0
    printed = tomllib.loads(out[out.index("[recipe") :])
    merged = tomllib.loads(settings.read_text())
    assert merged == {"run": {"seed": 0}, "recipe": {"logistic": printed["recipe"]["logistic"], "cnn": {"epochs": 5}}}
    assert "[run]  # mine" in settings.read_text()
    assert f"Written to {settings}:" in " ".join(out.split())
    assert "For pipeline.toml, where --write pipeline.toml puts it:" in command(*words, "--home", home.root)[1]
    status, out, _ = command(*words, "--home", home.root, "--json")
    assert len(json.loads(out)["trials"]) == 2


def test_what_the_best_trial_left_automatic_is_not_in_the_table(study: Study, tmp_path: Path) -> None:
    space = search_space.space("xgboost", registry.find("xgboost").parameters)
    values = {**registry.find("xgboost").defaults, "max_depth": 7}
    trial = Trial(number=0, parameters=values, outcome="complete", seconds=1, log_loss=0.1, accuracy=0.9)
    found = tune.Tuning(study.model_copy(update={"recipe": "xgboost", "fixed": {}, "space": space}), [trial], trial, 9)
    assert found.automatic == {"rounds": 0, "learning_rate": 0.0}
    assert found.chosen["max_depth"] == 7 and not {"rounds", "learning_rate"} & set(found.chosen)
    settings = tmp_path / "mine.toml"
    settings.write_text("[recipe.xgboost]\nrounds = 90\n")
    result_table.merge(settings, "xgboost", found.chosen, found.automatic)
    assert tomllib.loads(settings.read_text())["recipe"]["xgboost"] == {**found.chosen, "rounds": 0}


def test_the_printed_table_leaves_automatic_parameters_out(command: Any, data: Path, home: Home) -> None:
    words = ("--dataset", data, "--trials", 1, "--set", "xgboost.effort=quick", "--home", home.root)
    status, out, _ = command("tune", "--model", "xgboost", *words)
    assert status == 0
    printed = tomllib.loads(out[out.index("[recipe") :])["recipe"]["xgboost"]
    assert "max_depth" in printed and not {"rounds", "learning_rate"} & set(printed)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--timeout", "soon"), "--timeout 'soon' is not a time"),
        (("--sampler", "best"), "--sampler 'best' is unknown"),
        (("--set", "cnn.epochs=3"), "this search is for logistic"),
    ],
)
def test_what_is_no_option_is_refused(command: Any, data: Path, home: Home, words: Any, sentence: str) -> None:
    status, _, error = command("tune", "--model", "logistic", "--dataset", data, "--home", home.root, *words)
    assert status == 1
    assert sentence in " ".join(error.split())


def test_a_file_that_cannot_be_changed_line_by_line_stays(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text("recipe = {logistic = {C = 1.0}}\n")
    with pytest.raises(SettingsError, match="add the table by hand"):
        result_table.merge(path, "logistic", {"C": 2.0}, {})
    assert path.read_text() == "recipe = {logistic = {C = 1.0}}\n"
    path.write_text("[recipe.logistic\n")
    with pytest.raises(SettingsError, match="cannot be read as TOML"):
        result_table.merge(path, "logistic", {"C": 2.0}, {})


def test_an_own_recipe_takes_part_by_its_annotations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "marked_recipe.py").write_text(
        "from typing import Annotated, Literal\nfrom pydantic import Field\n"
        "from pipeline.models.search_space import Searched\n"
        "def build(shape, n_classes, width: Annotated[int, Searched(log=True), Field(ge=2, le=64)] = 8,\n"
        "          kind: Annotated[Literal['a', 'b'], Searched()] = 'a', other: int = 3): ...\n"
    )
    monkeypatch.chdir(tmp_path)
    recipe = registry.find("marked_recipe:build")
    found = search_space.space(recipe.name, recipe.parameters)
    assert found.keys() == {"width", "kind"}
    assert found["width"] == NumberRange(kind="integer", low=2, high=64, log=True)
    assert found["kind"].values == ("a", "b")
