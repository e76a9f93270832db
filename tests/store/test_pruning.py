"""Old versions that failed are removed by rule, and never one that something else needs."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from known_facts import scores_of
from store_builders import MakeVersion, verdict_on

from pipeline.cli import common
from pipeline.cli import main as simulator_main
from pipeline.contracts import Candidate, Charge, Lack, Version
from pipeline.data.notices import silent
from pipeline.deployer import Deployer
from pipeline.facts.manifest_facts import BlendFacts, MemberFacts
from pipeline.facts.submission import SubmissionRecord
from pipeline.judging import ledger
from pipeline.orchestration import pruning
from pipeline.store import disk, judgements, ledger_files, manifest, production, scores, submissions, verdicts, versions
from pipeline.store.home import Home

ALL = pruning.Rule(older_than=0, keep=0)
MakeFailed = Callable[..., Version]


@pytest.fixture
def make_failed(home: Home, make_candidate: Callable[..., Candidate]) -> MakeFailed:
    """Publish a version that failed, with what its verdict has beside that."""

    def make(name: str, judged_at: str = "2020-01-01T00:00:00Z", dataset: str = "tiny", **facts: object) -> Version:
        candidate = make_candidate(name, dataset)
        verdict = replace(verdict_on(candidate, "fail", None), judged_at=judged_at, **facts)  # type: ignore[arg-type]
        scores.write(candidate.folder / "scores.json", scores_of(accuracy={"value": 0.5, "low": 0.1, "high": 0.9}))
        np.savez(candidate.folder / "predictions.npz", probabilities=np.ones((1, 2)))
        verdicts.write(candidate.folder, verdict)
        return versions.publish(home, candidate, verdict)

    return make


@pytest.fixture(autouse=True)
def no_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions made by hand cannot be drawn."""
    monkeypatch.setattr(pruning.reporting, "publish", lambda home: None)


def ids(home: Home) -> list[str]:
    return [folder.name for folder in versions.folders(home)]


def test_the_rule_spares_the_newest_and_the_young(
    home: Home, make_version: MakeVersion, make_failed: MakeFailed
) -> None:
    make_version("1-champion")
    for number in (2, 3, 4):
        make_failed(f"{number}-failed")
    make_failed("5-young", judged_at="2100-01-01T00:00:00Z")
    make_failed("6-other", dataset="other")
    named = [version.id for version in pruning.plan(home, pruning.Rule(keep=2)).removed]
    assert named == ["2-failed", "3-failed"], "5-young and 4-failed are the newest two of tiny"
    assert [version.id for version in pruning.plan(home, pruning.Rule(keep=0)).removed] == [
        "2-failed", "3-failed", "4-failed", "6-other",
    ]  # fmt: skip
    only = pruning.Rule(keep=0, dataset="other")
    assert [version.id for version in pruning.prune(home, only, silent).removed] == ["6-other"]
    assert ids(home) == ["1-champion", "2-failed", "3-failed", "4-failed", "5-young"]


def test_what_is_needed_is_kept_and_says_why(home: Home, make_version: MakeVersion, make_failed: MakeFailed) -> None:
    first = make_version("1-first")
    Deployer(home).run(first)
    served = make_failed("2-served")
    Deployer(home).override(served, "a drill")
    Deployer(home).rollback("tiny")
    make_failed("3-unproven", lack=Lack(0.01, 0.02, 0.05))
    sent = make_failed("4-sent")
    submissions.save(home, submitted(sent))
    waiting = make_failed("5-waiting")
    book = ledger_files.read(home, "tiny")
    pair = ledger.Pair(policy="0" * 64, candidate=waiting.manifest.digest, champion="0" * 64, truth="0" * 64)
    ledger_files.append(home, book, ledger.DebitEntry(pair=pair, id=waiting.id, level=0.01, cost=0.01))
    make_failed("6-eye-witness", ledger=Charge(0.01, entry=1, lineage="tiny"))
    member = make_failed("7-member")
    blend(make_version("8-blend", "pass", first), member)
    make_failed("9-old")
    found = pruning.prune(home, ALL, silent)
    assert [version.id for version in found.removed] == ["9-old"]
    assert {name: why.split()[-1] for name, why in found.kept.items()} == {
        "2-served": "production", "3-unproven": "again", "4-sent": "submitted", "5-waiting": "it",
        "6-eye-witness": "it", "7-member": "blend",
    }  # fmt: skip
    assert production.problems(home) == []
    ledger_files.read(home, "tiny", versions.list_versions(home))


def test_it_changes_nothing_unless_told_to(
    home: Home, make_failed: MakeFailed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_failed("1-failed")
    monkeypatch.setattr(common.console, "_file", None)

    def told(*words: str) -> str:
        monkeypatch.setattr("sys.argv", ["simulator.py", "prune", "--keep", "0", *words, "--home", str(home.root)])
        with pytest.raises(SystemExit):
            simulator_main()
        return capsys.readouterr().out

    assert "1-failed" in told() and "add --remove" in told()
    assert ids(home) == ["1-failed"]
    assert json.loads(told("--remove", "--json"))["versions"] == ["1-failed"]
    assert ids(home) == []
    assert "There is nothing to remove.\n" in told()


def test_it_says_what_the_rule_itself_keeps(
    home: Home, make_failed: MakeFailed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("1-failed", "2-failed"):
        make_failed(name)
    monkeypatch.setattr(common.console, "_file", None)
    for words, kept in (
        (("--older-than", "30000"), "2 failed versions judged within the last 30000 days (--older-than)."),
        (("--keep", "2"), "2 failed versions among the 2 newest of their dataset and recipe (--keep)."),
    ):
        monkeypatch.setattr("sys.argv", ["simulator.py", "prune", *words, "--home", str(home.root)])
        with pytest.raises(SystemExit):
            simulator_main()
        assert f"There is nothing to remove. Kept: {kept}" in capsys.readouterr().out


def test_a_removal_that_is_cut_off_anywhere_is_finished_by_the_next(
    home: Home, make_failed: MakeFailed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("1-failed", "2-failed"):
        version = make_failed(name)
        judgements.append(home, version.verdict)
    whole = tmp_path / "whole"
    shutil.copytree(home.root, whole)
    for deadly in range(20):
        shutil.rmtree(home.root)
        shutil.copytree(whole, home.root)
        calls = {"left": deadly}
        with monkeypatch.context() as patched:
            for name in ("rename", "remove_tree", "unlink", "sync"):
                patched.setattr(disk, name, dying(getattr(disk, name), calls))
            try:
                pruning.prune(home, ALL, silent)
            except SystemExit:
                pass
            else:
                break
        assert all(version.damage is None for version in versions.list_versions(home))
        pruning.prune(home, ALL, silent)
        assert ids(home) == [] and judgements.files(home) == []
        assert not [path for path in home.failed.iterdir() if not path.name.startswith(".lock")]
    assert 4 < deadly < 19


def dying(call: Callable[..., object], calls: dict[str, int]) -> Callable[..., object]:
    """The call, in the place of which the process dies once no calls are left."""

    def or_die(*arguments: object) -> object:
        calls["left"] -= 1
        if calls["left"] < 0:
            raise SystemExit
        return call(*arguments)

    return or_die


def submitted(version: Version) -> SubmissionRecord:
    return SubmissionRecord(
        competition="digits",
        version=version.id,
        digest=version.manifest.digest,
        file_sha256="0" * 64,
        rows=1,
        submitted_at="2020-01-01T00:00:00Z",
        reference=None,
        status="complete",
        expected_score=0.5,
        expected_low=0.4,
        expected_high=0.6,
        public_score=None,
        message="a test",
    )


def blend(version: Version, member: Version) -> None:
    """Make a version one that is blended of another."""
    of = MemberFacts(id=member.id, digest=member.manifest.digest, weight=1.0)
    manifest.create(version.folder, version.manifest.model_copy(update={"blend": BlendFacts(members=(of,))}))
    manifest.complete(version.folder)
