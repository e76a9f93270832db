"""Versions that were judged before are judged again: on demand, and by a run when something has changed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from killed_run import LENIENT, Silent

from pipeline.judging import ledger
from pipeline.store import judgements, ledger_files, production, recovery, versions
from pipeline.store.home import Home

STRICT = {"preset": "each-test", **LENIENT, "screen_alpha": "off", "class_alpha": "off"}
AS_GOOD = {"preset": "as-good", **LENIENT}
WEAK, STRONG = {"logistic": {"C": 1e-4}}, {"logistic": {"C": 1.0}}


class Heard(Silent):
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, sentence: str) -> None:
        self.notices.append(sentence)


def only_refused(home: Home) -> Any:
    (found,) = [v for v in versions.list_versions(home) if v.verdict.outcome != "pass"]
    return found


@pytest.fixture
def refused(run: Any, starting_from: Any) -> Any:
    """A home with a champion, and a challenger that was refused because it proved no gain."""

    def make(home: Home) -> None:
        run(where=home, gate=STRICT, overrides=STRONG)
        run(where=home, gate=STRICT, overrides={"logistic": {"C": 2.0}})

    return only_refused(starting_from(make))


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_judge_promotes_a_refused_version_under_another_gate_and_leaves_its_files_alone(
    refused: Any, home: Home, command: Any, tmp_path: Path
) -> None:
    before = bytes_of(refused.folder)
    config = tmp_path / "pipeline.toml"
    config.write_text("[gate]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in AS_GOOD.items()))
    status, out, _ = command("judge", refused.id, "--config", config, "--home", home.root)
    assert status == 0 and "passed and now serves" in out
    now = versions.find(home, refused.id)
    assert now.folder == home.versions / refused.id and now.in_production
    assert bytes_of(now.folder) == before
    assert [v.outcome for v in now.verdicts] == ["fail", "pass"]
    assert now.verdicts[0] == refused.verdict
    assert versions.verify(now).damage is None
    status, out, _ = command("show", refused.id, "--home", home.root)
    assert "fail by the gate 'each-test" in out and "(in the report)" in out and "Latest verdict" in out
    status, out, _ = command("versions", "--home", home.root)
    assert "judged 2 times" in " ".join(out.split())
    assert "passed and now serves" not in command("judge", "--config", config, "--home", home.root)[1]


def test_the_same_case_is_judged_and_paid_for_once(refused: Any, home: Home, command: Any, tmp_path: Path) -> None:
    config = tmp_path / "pipeline.toml"
    config.write_text("[gate]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in STRICT.items()))
    debits = [e for e in ledger_files.read(home, "stripes").entries if isinstance(e, ledger.DebitEntry)]
    status, out, _ = command("judge", refused.id, "--config", config, "--home", home.root)
    champion = production.current(home, "stripes")
    assert status == 0 and champion is not None
    assert f"{refused.id} was judged by the gate 'each-test (changed)' against {champion.id} on the same" in out
    assert "(not promoted): nothing was judged, and nothing was spent." in out
    _, out, _ = command("judge", champion.id, "--config", config, "--home", home.root)
    assert f"{champion.id} serves: nothing was judged, and nothing was spent." in out
    after = [e for e in ledger_files.read(home, "stripes").entries if isinstance(e, ledger.DebitEntry)]
    assert after == debits
    assert not judgements.file(home, refused.id).exists()


@pytest.mark.slow
def test_a_promotion_that_comes_too_late_names_the_command_that_judges_again(
    run: Any, home: Home, command: Any
) -> None:
    served = [run(gate=AS_GOOD, overrides={"logistic": {"C": strength}}).champion for strength in (1.0, 2.0, 3.0)]
    third = served[-1]
    assert len({one.id for one in served}) == 3
    command("rollback", "--home", home.root)
    command("rollback", "--home", home.root)
    status, _, error = command("promote", third.id, "--home", home.root)
    assert status == 1
    assert f"is in production now: `simulator.py judge {third.id} --gate as-good` judges it against that" in error
    status, out, _ = command("judge", third.id, "--gate", "as-good", "--home", home.root)
    assert status == 0 and f"{third.id} was judged again, since" in out and "it passed and now serves" in out


def test_a_move_that_a_kill_cut_off_is_completed(refused: Any, home: Home, run: Any) -> None:
    from dataclasses import replace

    passing = tuple(replace(check, outcome="pass") for check in refused.verdict.checks)
    judgements.append(home, replace(refused.verdict, outcome="pass", checks=passing, policy_sha256="other"))
    read = versions.find(home, refused.id)
    assert (read.damage, read.verdict.outcome) == (None, "pass"), "readable while the move is pending"
    notices = recovery.recover(home).notices
    assert any(refused.id in sentence and "out of failed/" in sentence for sentence in notices)
    assert versions.find(home, refused.id).folder.parent == home.versions
    assert recovery.recover(home).notices == ()


def test_a_changed_judgement_is_damage_and_is_not_promoted(refused: Any, home: Home) -> None:
    from dataclasses import replace

    judgements.append(home, replace(refused.verdict, policy_sha256="other"))
    path = judgements.file(home, refused.id)
    path.write_text(path.read_text().replace('"outcome": "fail"', '"outcome": "pass"'))
    assert "was changed after it was written" in (versions.find(home, refused.id).damage or "")
    assert recovery.recover(home).notices == ()


@pytest.mark.slow
def test_a_run_judges_again_what_a_grown_benchmark_may_prove(data: Path, home: Home, run: Any, tmp_path: Path) -> None:
    grown = tmp_path / "stripes.npz"
    with np.load(data) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    np.savez(grown, images=images[::2], labels=labels[::2])
    given: dict[str, Any] = {"dataset": str(grown), "gate": STRICT}
    run(train_sizes=("30",), overrides=WEAK, **given)
    heard = Heard()
    run(heard, train_sizes=("30",), models=("logistic",), overrides={"logistic": {"C": 0.01}}, **given)
    before = {v.id: v.verdict.outcome for v in versions.list_versions(home)}
    np.savez(grown, images=images, labels=labels)
    run(heard, train_sizes=("30",), models=("dummy",), overrides={}, **given)
    again = [s for s in heard.notices if "was judged again, since the benchmark has" in s]
    refused = [name for name, outcome in before.items() if outcome != "pass"]
    assert again and all(any(name in sentence for name in refused) for sentence in again)
    counted = len(again)
    run(heard, train_sizes=("30",), models=("dummy",), overrides={}, **given)
    assert len([s for s in heard.notices if "was judged again" in s]) == counted, "never the same case twice"


def test_a_run_says_that_it_keeps_verdicts_of_another_gate(refused: Any, run: Any) -> None:
    heard = Heard()
    run(heard, gate={**STRICT, "alpha": 0.04}, overrides={"logistic": {"C": 2.0}})
    assert any("judged by the gate 'each-test" in s and "simulator.py judge" in s for s in heard.notices)


@pytest.mark.slow
def test_the_most_promising_of_a_size_is_judged_first_whatever_the_command_line_says(run: Any, home: Home) -> None:
    for place, models in ((home, ("dummy", "logistic")), (Home(home.root / "b"), ("logistic", "dummy"))):
        rows = run(where=place, models=models, overrides={}).rows
        assert [row.cell.recipe for row in rows] == ["logistic", "dummy"]
        assert [record.action for record in production.records(place)] == ["promote"]


def test_what_was_trained_is_judged_although_another_training_fails(run: Any, home: Home) -> None:
    from pipeline.errors import PipelineError

    with pytest.raises(PipelineError):
        run(models=("logistic", "deadly_recipe:diverge"), overrides={})
    assert [v.manifest.recipe for v in versions.list_versions(home)] == ["logistic"]


def test_figures_of_refused_versions_are_kept_back_where_the_policy_discloses_verdicts_only(
    run: Any, home: Home, command: Any
) -> None:
    gate = {**STRICT, "disclose": "verdict"}
    run(gate=gate, overrides=STRONG)
    summary = run(gate=gate, overrides={"logistic": {"C": 2.0}})
    refused = only_refused(home)
    champion = production.current(home, "stripes")
    assert champion is not None
    assert summary.rows[0].accuracy is None
    assert refused.scores.accuracy.value is None and refused.scores.per_class == ()
    assert refused.verdict.comparison is None
    assert {check.name for check in refused.verdict.checks if check.outcome != "pass"} == {"withheld"}
    for words in (("show", refused.id), ("versions",), ("show", refused.id, "--json")):
        assert "p <=" not in command(*words, "--home", home.root)[1]
    results = (home.metric_results / "results.csv").read_text()
    (line,) = [line for line in results.splitlines() if line.startswith(refused.id)]
    assert ",,,," in line
    assert "new one" not in (refused.folder / "report.html").read_text()
    status, _, error = command("compare", champion.id, refused.id, "--home", home.root)
    assert status == 1 and "discloses verdicts only" in error
    status, _, error = command("evaluate", refused.id, "--home", home.root)
    assert status == 1 and "discloses verdicts only" in error
    assert versions.find(home, champion.id).scores.accuracy.value is not None
