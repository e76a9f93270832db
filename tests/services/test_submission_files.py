"""``submission.csv`` and ``submissions.csv``: what is text stays text, and a damaged record is named."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_version import publish

from pipeline.application import Application, escape_notice
from pipeline.contracts import UnlabelledImages, Version
from pipeline.data import sample_submission
from pipeline.errors import StoreError
from pipeline.facts.competition import numbered_form
from pipeline.publishing import delivery, submitter
from pipeline.reports import submission_comparison
from pipeline.store import submission_file, submissions
from pipeline.store.home import Home
from pipeline.text import cell, from_cell

FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\tx", " =1+1"]
OLD = (
    "submitted_at,competition,version,digest,file_sha256,rows,message,reference,status,expected_low,expected_score,"
    "expected_high,public_score,leak,reason\n"
    "2026-11-21T14:00:00+00:00,digit-recognizer,v1,d1,f1,28000,v1 | cnn | file f1,50000000,complete,0.99,0.995,1.0,"
    "0.99571,false,\n"
    "2026-11-21T15:00:00+00:00,digit-recognizer,v2,d2,f2,28000,v2 | cnn | file f2,,sending,0.99,0.995,1.0,,true,\n"
)


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_would_run_is_written_as_text(text: str) -> None:
    assert cell(text) == f"'{text}"
    assert from_cell(cell(text)) == text
    sure = np.ones((1, 1), np.float32)
    content = submission_file.content(numbered_form((text,)), sure, [text], probabilities=False)
    [_, row] = csv.reader(content.decode().splitlines())
    assert row == [f"'{text}", f"'{text}"]


@pytest.mark.parametrize("text", ["7", "-1", "+1.5", "-1e5", "seven", "'quoted'", ""])
def test_numbers_and_words_are_written_as_they_are(text: str) -> None:
    assert cell(text) == from_cell(text) == text


def test_a_reader_is_told_of_escaped_names(home: Home, champion: Version, test_set: UnlabelledImages) -> None:
    names = ("=cmd.png", *test_set.ids[1:])
    images = UnlabelledImages("pictures", test_set.images, names)
    made = Application(champion).run(images, home.metric_results / "submission.csv")
    assert made.escaped == ("=cmd.png",)
    assert "start with an apostrophe: =cmd.png" in str(escape_notice(made))
    plain = Application(champion).run(test_set, home.metric_results / "submission.csv")
    assert escape_notice(plain) is None


def test_submission_and_sample_have_the_same_columns(tmp_path: Path) -> None:
    form = numbered_form(("1", "2"))
    submission_file.write(tmp_path / "sample.csv", form, np.ones((2, 1), np.float32), ["0"], probabilities=False)
    assert sample_submission.read(tmp_path / "sample.csv") == form
    assert (tmp_path / "sample.csv").read_text() == "ImageId,Label\n1,0\n2,0\n"


def test_a_version_that_does_not_serve_predicts_like_any_other(home: Home, test_set: UnlabelledImages) -> None:
    other = publish(home, number=2, serve=False)
    made = Application(other).run(test_set, home.metric_results / "submission.csv")
    assert (made.version_id, made.version_digest) == (other.id, other.manifest.digest)


def test_records_of_the_first_release_are_read_and_kept(home: Home) -> None:
    home.metric_results.mkdir(parents=True)
    path = home.metric_results / "submissions.csv"
    path.write_text(OLD)
    first, second = submissions.read(home)
    assert (first.status, first.public_score, first.leak) == ("complete", 0.99571, False)
    assert (second.status, second.reference, second.leak) == ("sending", None, True)
    with submissions.exclusive(home, "digit-recognizer"):
        submissions.save(home, second)
    head, *rows = OLD.splitlines()
    assert path.read_text().splitlines() == [f"{head},metric,refit", *(f"{row},accuracy," for row in rows)]


def test_the_score_of_a_refit_is_never_that_of_its_version(home: Home) -> None:
    home.metric_results.mkdir(parents=True)
    (home.metric_results / "submissions.csv").write_text(OLD)
    own, _ = submissions.read(home)
    refit = replace(own, message=f"{own.message} | refit", public_score=0.9, refit=3, status="unknown")
    with submissions.exclusive(home, "digit-recognizer"):
        submissions.save(home, refit)
    assert submissions.read(home)[-1] == refit
    assert submissions.figures(home)[own.version] == {
        "kaggle.expected_score": own.expected_score,
        "kaggle.public_score": own.public_score,
        "kaggle.refit_public_score": 0.9,
    }
    by_loss = replace(own, metric="log-loss")
    said = submission_comparison.in_words([by_loss, refit, by_loss, replace(own, leak=True), own])
    assert said == (
        f"{submission_comparison.in_words([own])} Not counted: 2 scored by log loss, 1 predicted by a refit, "
        "1 trained on test images."
    )
    assert submission_comparison.in_words([refit]) == (
        "No public score to compare with an expected one. Not counted: 1 predicted by a refit."
    )
    assert submission_comparison.in_words([replace(own, public_score=None)]) == ""
    twice = [own, replace(own, message="again", reference=7)]
    assert submission_comparison.in_words(twice) == submission_comparison.in_words([own]), "it is one observation"
    assert submitter.outcome_sentence(refit).startswith(f"Public score of the refit of {own.version}: ")
    assert "interval" not in submitter.outcome_sentence(refit)
    assert f"{own.expected_low:.2%}" not in submitter.outcome_sentence(refit).replace(" %", "%")
    shown = submission_comparison.table([own, refit]).iloc[-1]
    assert shown[["expected_low", "expected_high", "within_interval"]].isna().all()
    assert f"--version {own.version} --refit 3 --resend`" in delivery.unknown_sentence(refit)


DAMAGED = {
    "an unknown status": (("complete", "done"), "status"),
    "no number": (("28000", "many"), "rows"),
    "a score above one": (("0.995,", "7,"), "expected_score"),
    "half a row": ((",28000,v1 | cnn | file f1,50000000,complete,0.99,0.995,1.0,0.99571,false,\n", "\n"), "rows"),
    "not UTF-8": (("v2 |", "\udcff |"), "submissions.csv is damaged"),
}


@pytest.mark.parametrize(("change", "words"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_record_is_one_sentence_that_names_it(home: Home, change: tuple[str, str], words: str) -> None:
    home.metric_results.mkdir(parents=True)
    content = OLD.replace(*change, 1).encode(errors="surrogateescape")
    (home.metric_results / "submissions.csv").write_bytes(content)
    with pytest.raises(StoreError, match=r"submissions.csv is damaged") as raised:
        submissions.read(home)
    assert words in str(raised.value)
