"""What a watcher records, and what it finds in the store that it has not announced yet."""

from dataclasses import replace

import pytest
from store_builders import MakeVersion

from pipeline.contracts import Check, PairedResult, Verdict, Version
from pipeline.deployer import Deployer
from pipeline.errors import StoreError
from pipeline.growing.announcing import Listeners, emit, event
from pipeline.growing.verdict_news import unannounced
from pipeline.store import versions, watch_records
from pipeline.store.home import Home

LONG_AGO, TOMORROW = "", "2999-01-01T00:00:00Z"


def news(home: Home, since: str = LONG_AGO) -> list[tuple[str, str]]:
    found = unannounced(home, "tiny", since)
    return [(one.kind, str(one.details["version"])) for one in found]


def judged(verdict: Verdict, moment: str, **changes: object) -> Verdict:
    return replace(verdict, judged_at=moment, **changes)  # type: ignore[arg-type]


def promoted(home: Home, version: Version) -> Version:
    Deployer(home).run(version)
    return version


def test_promotions_and_refusals_are_news_until_they_are_announced(home: Home, make_version: MakeVersion) -> None:
    first = promoted(home, make_version("20261121-100000-dummy-1-0001"))
    refused = make_version("20261121-110000-dummy-1-0002", "fail", first)
    make_version("20261121-120000-dummy-1-0003", "fail", first, "another")

    assert sorted(news(home)) == [("promotion", first.id), ("refusal", refused.id)]
    assert news(home, TOMORROW) == [], "what was judged before anybody watched is old"
    (telling, _) = sorted(unannounced(home, "tiny", LONG_AGO), key=lambda one: one.kind)
    assert telling.sentence == f"{first.id} was promoted and serves tiny; it is the first."
    for one in unannounced(home, "tiny", LONG_AGO):
        emit(home, one, Listeners())
    assert news(home) == []


def test_a_version_that_is_judged_again_is_news_again(home: Home, make_version: MakeVersion) -> None:
    champion = promoted(home, make_version("20261121-100000-dummy-1-0001"))
    version = make_version("20261121-110000-dummy-1-0002", "fail", champion)
    for one in unannounced(home, "tiny", LONG_AGO):
        emit(home, one, Listeners())

    compared = PairedResult(9, 2, 0.7, 0.1, 1.3, 0.03)
    better = Check("proven_better", "proven better", "pass", 0.001, 0.01, "It fixes 9 errors.")
    verdict = judged(version.verdict, TOMORROW, outcome="pass", comparison=compared, checks=(better,))
    promoted(home, versions.judge_again(home, verdict))

    (found,) = unannounced(home, "tiny", LONG_AGO)
    assert (found.kind, found.details["version"]) == ("promotion", version.id)
    assert "fixing 9 errors of the champion and making 2 new ones" in found.sentence
    assert found.sentence.endswith(f"{champion.id} served before.")


@pytest.mark.parametrize(("disclose", "shown"), [("full", True), ("verdict", False)])
def test_a_refusal_says_why_as_far_as_the_policy_discloses_it(
    home: Home, make_version: MakeVersion, disclose: str, shown: bool
) -> None:
    version = make_version("20261121-110000-dummy-1-0002", "fail")
    check = Check("proven_better", "proven better than the champion", "fail", 0.2, 0.01, "It fixes 31 errors.")
    again = judged(version.verdict, TOMORROW, checks=(check,), disclose=disclose)
    versions.judge_again(home, again)
    found = unannounced(home, "tiny", TOMORROW)[0]
    assert ("Failed “proven better than the champion”: It fixes 31 errors." in found.sentence) is shown
    assert ("31" in found.sentence) is shown


def test_a_line_of_the_record_that_is_damaged_is_named(home: Home) -> None:
    emit(home, event("batch", "tiny", "Two images arrived."), Listeners())
    path = home.datasets / "tiny" / watch_records.JOURNAL
    path.write_text(path.read_text() + '{"kind": "party"}\n')
    with pytest.raises(StoreError, match=r"watch.jsonl, line 2 is damaged"):
        watch_records.events(home, "tiny")


def test_a_torn_line_never_counts(home: Home) -> None:
    first = emit(home, event("batch", "tiny", "Two images arrived."), Listeners())
    path = home.datasets / "tiny" / watch_records.JOURNAL
    path.write_text(path.read_text() + '{"kind": "bat')
    assert watch_records.events(home, "tiny") == [first]
    second = emit(home, event("batch", "tiny", "Three images arrived."), Listeners())
    assert watch_records.events(home, "tiny") == [first, second]
