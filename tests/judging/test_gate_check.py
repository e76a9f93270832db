"""The gate without the pipeline: predictions in, a verdict and an exit status out."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from evidence_builder import probabilities

from pipeline.errors import DataError, SettingsError, StoreError
from pipeline.gatecheck import Answers, check_files, check_predictions, from_table
from pipeline.judging.spending import DEFAULT_SHARE

SIMULATOR = Path(__file__).parents[2] / "simulator.py"
LABELS = np.arange(2000) % 10
CI_JOB = """
cd "$1"
check() { "$PYTHON" "$SIMULATOR" gate check --labels labels.csv --champion old.csv "$@"; }
check --challenger good.csv --json > good.json; echo "good $?"
check --challenger same.csv > same.txt; echo "same $?"
check --challenger short.csv 2> short.txt > nothing.txt; echo "short $?"
check --challenger missing.csv 2> missing.txt; echo "missing $?"
"""


def wrong(*places: slice) -> np.ndarray:
    """Predicted labels, wrong in some rows."""
    found = LABELS.copy()
    for place in places:
        found[place] = (found[place] + 1) % 10
    return found


CHAMPION = wrong(slice(0, 100))
BETTER = wrong(slice(0, 20), slice(100, 105))


def write_labels(path: Path, labels: np.ndarray, ids: list[str] | None = None) -> Path:
    with path.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["label"] if ids is None else ["ImageId", "label"])
        table.writerows([[label] for label in labels] if ids is None else zip(ids, labels, strict=True))
    return path


@pytest.mark.slow
def test_as_a_ci_job_would(tmp_path):
    for name, answers in (("labels", LABELS), ("old", CHAMPION), ("good", BETTER), ("same", CHAMPION)):
        write_labels(tmp_path / f"{name}.csv", answers)
    write_labels(tmp_path / "short.csv", BETTER[:-1])
    done = subprocess.run(
        ["sh", "-c", CI_JOB, "sh", str(tmp_path)],
        env={"PYTHON": sys.executable, "SIMULATOR": str(SIMULATOR), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[:-1] == ["good 0", "same 1", "short 2", "missing 2"]
    verdict = json.loads((tmp_path / "good.json").read_text())
    assert (verdict["outcome"], verdict["candidate_id"], verdict["champion_id"]) == ("pass", "good", "old")
    assert (verdict["comparison"]["fixed"], verdict["comparison"]["made"]) == (80, 5)
    assert "FAIL  same against champion old" in (tmp_path / "same.txt").read_text()
    assert (tmp_path / "short.txt").read_text().split() == (
        ["Error:", "short.csv", "has", "1,999", "rows,", "but", "labels.csv", "has", "2,000."]
    )
    assert (tmp_path / "nothing.txt").read_text() == ""
    assert "missing.csv cannot be read: No such file or directory" in (tmp_path / "missing.txt").read_text()


def test_one_import_without_the_rest():
    program = (
        "import sys; from pipeline.gatecheck import Answers, check_predictions; "
        "print(check_predictions(Answers([0, 1] * 50, [0, 0] * 50, [0, 1] * 50)).outcome); "
        "print(*{name.split('.')[0] for name in sys.modules} "
        "& {'tensorflow', 'keras', 'pandas', 'sklearn', 'xgboost', 'onnx', 'onnxruntime', 'typer', 'matplotlib'}); "
        "print(*(name for name in sys.modules if name.startswith(('pipeline.models', 'pipeline.data', 'scipy.stats'))))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "pass\n\n\n"


def test_without_validation_the_level_is_a_default_share():
    verdict = check_predictions(Answers(LABELS, CHAMPION, BETTER))
    assert verdict.ledger.level == pytest.approx(0.05 * DEFAULT_SHARE)
    assert any("There were no validation predictions" in sentence for sentence in verdict.explanation)
    assert "validation_screen" not in {check.name for check in verdict.checks}


def test_validation_sets_the_level_and_screens():
    verdict = check_predictions(Answers(LABELS, CHAMPION, BETTER), Answers(LABELS, CHAMPION, BETTER))
    assert verdict.ledger.level == pytest.approx(0.05 * 0.3)
    refused = check_predictions(Answers(LABELS, CHAMPION, BETTER), Answers(LABELS, BETTER, CHAMPION))
    assert refused.outcome == "fail"
    assert refused.ledger is None
    assert [check.name for check in refused.checks if check.outcome == "fail"] == ["validation_screen"]


def test_without_a_ledger_nothing_is_promised_over_several():
    verdict = check_predictions(Answers(LABELS, CHAMPION, BETTER))
    said = " ".join(verdict.explanation)
    assert "nothing is promised over several" in said
    assert "Over the life of this dataset" not in said


def test_the_ledger_keeps_the_budget(tmp_path):
    slightly = wrong(slice(0, 99))
    first = check_predictions(Answers(LABELS, CHAMPION, slightly), ledger_in=tmp_path)
    assert (first.outcome, first.ledger.judged, first.ledger.spent) == ("fail", 1, 0.0005)
    assert "Over the life of this dataset" in " ".join(first.explanation)
    again = check_predictions(Answers(LABELS, CHAMPION, slightly), ledger_in=tmp_path)
    assert again == first, "the same pair costs nothing and gets its verdict"
    second = check_predictions(Answers(LABELS, CHAMPION, wrong(slice(1, 100))), ledger_in=tmp_path)
    assert (second.ledger.judged, second.ledger.level) == (2, 0.000495)
    promoted = check_predictions(Answers(LABELS, CHAMPION, BETTER), ledger_in=tmp_path)
    assert (promoted.outcome, promoted.ledger.spent) == ("pass", second.ledger.spent), "a promotion has its level back"
    other = check_predictions(Answers(LABELS, CHAMPION, slightly), ledger_in=tmp_path, dataset="other")
    assert other.ledger.judged == 1


def test_a_debit_without_a_verdict_is_used(tmp_path):
    slightly = wrong(slice(0, 99))
    check_predictions(Answers(LABELS, CHAMPION, slightly), ledger_in=tmp_path)
    lines = (tmp_path / "data.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "data.jsonl").write_text("".join(lines[:2]))
    head = json.loads(lines[1])
    (tmp_path / "data.head").write_text(json.dumps({"entry": 2, "digest": head["digest"]}))
    verdict = check_predictions(Answers(LABELS, CHAMPION, slightly), ledger_in=tmp_path)
    assert (verdict.ledger.entry, verdict.ledger.judged, verdict.ledger.spent) == (2, 1, 0.0005)
    assert len((tmp_path / "data.jsonl").read_text().splitlines()) == 3


def test_a_ledger_that_was_changed_judges_nothing(tmp_path):
    check_predictions(Answers(LABELS, CHAMPION, wrong(slice(0, 99))), ledger_in=tmp_path)
    (tmp_path / "data.jsonl").write_text("")
    with pytest.raises(StoreError, match="lines 1 to 3 are missing"):
        check_predictions(Answers(LABELS, CHAMPION, BETTER), ledger_in=tmp_path)


def test_calibration_is_checked_where_there_are_probabilities():
    timid = probabilities(LABELS, BETTER == LABELS, confidence=0.5)
    verdict = check_predictions(Answers(LABELS, probabilities(LABELS, CHAMPION == LABELS), timid))
    failed = [check.name for check in verdict.checks if check.outcome != "pass"]
    assert failed == ["calibration", "calibration_margin"]
    assert (
        "Not checked, since predictions do not show it: near copies of training images, corrupted images."
        in verdict.explanation
    )
    mixed = check_predictions(Answers(LABELS, CHAMPION, timid))
    assert [check.name for check in mixed.checks if check.outcome != "pass"] == ["calibration"]
    assert (
        "Not checked, since predictions do not show it: near copies of training images, corrupted images, calibration."
        in mixed.explanation
    )


def test_other_policies():
    lead = Answers(LABELS, CHAMPION, wrong(slice(0, 99)))
    assert check_predictions(lead, policy="as-good").outcome == "pass"
    assert check_predictions(lead, policy="each-test").outcome == "fail"
    strict = check_predictions(Answers(LABELS, CHAMPION, BETTER), policy=from_table({"accuracy_floor": 0.99}))
    assert [check.name for check in strict.checks if check.outcome == "fail"] == ["accuracy_floor"]
    with pytest.raises(SettingsError, match="every former champion"):
        check_predictions(lead, policy=from_table({"mode": "non-inferior", "margin_pp": 0.5}))


def test_nan_is_an_error_and_never_a_pass():
    broken = probabilities(LABELS, BETTER == LABELS)
    broken[7] = np.nan
    verdict = check_predictions(Answers(LABELS, CHAMPION, broken))
    assert (verdict.outcome, verdict.checks[0].name) == ("error", "predictions_usable")


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (Answers(LABELS, CHAMPION[:-1], BETTER), "champion's predictions on the benchmark have the shape"),
        (Answers(LABELS, CHAMPION, np.zeros((2000, 3, 3))), "labels \\[N\\] or probabilities"),
        (Answers([], [], []), "numbers or strings"),
        (Answers(LABELS / 2, CHAMPION, BETTER), "numbers or strings"),
        (Answers(LABELS, probabilities(LABELS, CHAMPION == LABELS), ["cat"] * 2000), "name the class 'cat'"),
    ],
    ids=["length", "shape", "empty", "fractions", "unknown class"],
)
def test_arrays_that_do_not_fit(answers, said):
    with pytest.raises(DataError, match=said):
        check_predictions(answers)


def test_files_with_ids_in_any_order_and_columns_in_any_order(tmp_path):
    ids = [f"img{number:04}" for number in range(2000)]
    order = np.random.default_rng(0).permutation(2000)
    truth = write_labels(tmp_path / "truth.csv", LABELS, ids)
    old = write_labels(tmp_path / "old.csv", CHAMPION[order], [ids[row] for row in order])
    columns = np.random.default_rng(1).permutation(10)
    np.savez(
        tmp_path / "new.npz",
        probabilities=probabilities(LABELS, BETTER == LABELS)[order][:, columns],
        classes=columns,
        ids=np.array(ids)[order],
    )
    verdict = check_files([truth, old, tmp_path / "new.npz"], [truth, old, tmp_path / "new.npz"])
    assert (verdict.comparison.fixed, verdict.comparison.made) == (80, 5)
    with pytest.raises(DataError, match=r"truth.csv has ids and .*plain.csv has none"):
        check_files([truth, old, write_labels(tmp_path / "plain.csv", BETTER)])
    ids[3] = "stranger"
    with pytest.raises(DataError, match="has no image 'img0003'"):
        check_files([truth, old, write_labels(tmp_path / "strange.csv", BETTER, ids)])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs a first line"),
        ("label\n", "needs a first line"),
        ("cat\n1\n", "has the column 'cat'"),
        ("0,1\n0.5\n", "line 2 has more or fewer fields than the first line"),
        ("0,1\n0.5,x\n", "a probability that is not a number"),
        ("0,0\n0.5,0.5\n", "has '0' twice among its columns"),
        ("id,label\n1,0\n1,1\n", "has '1' twice among its ids"),
        ("\x00\xff", "needs a first line"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, text, said):
    path = tmp_path / "answers.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        check_files([path, path, path])


def test_a_refusal_can_be_all_that_is_shown(tmp_path):
    truth = write_labels(tmp_path / "truth.csv", LABELS)
    old = write_labels(tmp_path / "old.csv", CHAMPION)
    new = write_labels(tmp_path / "new.csv", wrong(slice(0, 99)))
    (tmp_path / "rules.toml").write_text('[gate]\ndisclose = "verdict"\n')
    command = [sys.executable, str(SIMULATOR), "gate", "check", "--labels", truth, "--champion", old]
    command += ["--challenger", new, "--policy", tmp_path / "rules.toml", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    shown = json.loads(done.stdout)
    assert (done.returncode, shown["outcome"], shown["comparison"]) == (1, "fail", None)
    assert "proven_better" not in {check["name"] for check in shown["checks"]}


def test_validation_takes_three_files(tmp_path):
    path = write_labels(tmp_path / "labels.csv", LABELS)
    command = [sys.executable, str(SIMULATOR), "gate", "check", "--labels", path, "--champion", path]
    command += ["--challenger", path, "--validation-labels", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Validation takes three files" in done.stderr
