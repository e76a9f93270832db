"""Test images among the training images: what is refused, and that the advice then works word by word."""

import re
from collections.abc import Callable

import competitions
import pytest
from faults import reply
from kaggle_server import KaggleServer
from small_version import csv_of, digits, publish, unseen_images

from pipeline.contracts import Version
from pipeline.errors import DataError, ServiceError
from pipeline.store import submissions
from pipeline.store.home import Home

Call = Callable[..., str]
FAST = ("--models", "logistic", "--gate", "as-good", "--train-sizes", "all", "--set", "logistic.max_iter=20")
COMMAND = re.compile(r"`simulator\.py (kaggle submit[^`]*)`")


def test_where_the_competitions_own_images_leak_the_command_that_is_named_submits(
    home: Home, kaggle_site: KaggleServer, serve, call: Call
) -> None:
    named = ("--competition", serve(competitions.leaky()).name)
    with pytest.raises(DataError, match=r"\d+ of the 200 test images .* own training images hold them") as raised:
        call("run", *named, *FAST, "--submit")
    assert "Train on" not in str(raised.value)
    assert kaggle_site.submissions == []
    [advice] = COMMAND.findall(str(raised.value))
    assert "Public score" in call(*advice.split())
    assert [record.leak for record in submissions.read(home)] == [True]


def test_other_training_images_are_advised_where_these_are_not_the_competitions_own(
    champion: Version, competition: KaggleServer, call: Call
) -> None:
    competition.files["test.csv"] = csv_of(digits()[0][: len(unseen_images())])
    call("kaggle", "download")
    with pytest.raises(DataError, match=r"Train on `--dataset kaggle`, or submit it all the same with ") as raised:
        call("kaggle", "submit")
    [advice] = COMMAND.findall(str(raised.value))
    assert "Public score" in call(*advice.split())


@pytest.mark.parametrize("lost", [False, True], ids=["could not be scored", "the answer was lost"])
def test_the_command_that_sends_a_leak_again_allows_it(
    home: Home, competition: KaggleServer, call: Call, lost: bool
) -> None:
    champion = publish(home)
    competition.files["test.csv"] = csv_of(digits()[0][: len(unseen_images())])
    call("kaggle", "download")
    if lost:
        competition.faults["CreateSubmission"] = [reply(503, {"code": 503, "message": "Down"})]
    truth, competition.truth = competition.truth, ["1"]
    with pytest.raises(ServiceError):
        call("kaggle", "submit", "--allow-leak", "--time-limit", "2")
    competition.truth = truth
    said = call("kaggle", "status" if lost else "submit", *([] if lost else ["--version", "best"]))
    advice = f"kaggle submit --version {champion.id} --allow-leak --resend"
    assert COMMAND.findall(said)[0] == advice
    assert "Public score" in call(*advice.split())
