"""After a drift alarm: the most unusual images are reviewed, then a run starts; once, whatever happens meanwhile."""

import contextlib
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from short_runs import Silent
from striped import NAME, Log, stripes, write_stripes
from watched import SETTLE_SECONDS

from pipeline import simulator
from pipeline.config import Settings
from pipeline.data import roles, shards, snapshots, sources
from pipeline.errors import StoreError
from pipeline.facts.drift_facts import DriftAlarm
from pipeline.facts.watch_facts import DriftReview, WatchEvent, Watching, WatchState
from pipeline.growing import decisions, exporting, on_drift, quarantine, review_batch
from pipeline.growing.announcing import Listeners
from pipeline.growing.arrivals import Desk
from pipeline.growing.due import Pace
from pipeline.growing.ingest import Order, ingest
from pipeline.growing.logbook import Logbook
from pipeline.growing.review import ReviewQueue
from pipeline.growing.watch import Orders, Watch
from pipeline.inspection import drift, drift_changes, drift_reference
from pipeline.monitoring import image_scores
from pipeline.reports import watching
from pipeline.store import drift_files, production, role_records, versions, watch_records
from pipeline.store.home import Home

sys.path.append(str(Path(__file__).parents[1] / "durability"))
from faulty_disk import Crash, FaultyDisk

AT = "2026-11-22T12:00:00Z"
WANTED = 12
GATE = {"preset": "growing", "margin_pp": 20.0, "accuracy_floor": 0.01, "recall_floor": "off"}
GATE |= {"robustness_margin_pp": "off", "calibration_limit": "off"}
RUNS = {"models": ("logistic",), "gate": GATE}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a dataset that grows and its champion; not to be changed."""
    folder = tmp_path_factory.mktemp("on_drift")
    file = write_stripes(folder)
    home = Home(folder / "home")
    desk = Desk(folder, lambda spec: sources.read(spec, download=False), lambda *_: None, lambda _: None)
    ingest(home, Order((str(file),), NAME), desk, lambda done, total: None)
    simulator.run(Settings(dataset=NAME, train_sizes=("all",), **RUNS), home, Silent())
    assert production.current(home, NAME) is not None
    return home


@pytest.fixture
def watched(trained: Home, tmp_path: Path) -> Home:
    """A copy of it that a test may change."""
    shutil.copytree(trained.root, tmp_path / "home")
    return Home(tmp_path / "home")


@pytest.fixture
def look(watched: Home, desk: Desk, tmp_path: Path) -> Any:
    """Let a watcher look once; returns what it announced."""
    (tmp_path / "inbox").mkdir()

    def looked(**changes: Any) -> list[WatchEvent]:
        told: list[WatchEvent] = []
        orders = Orders(
            Order((), NAME),
            tmp_path / "inbox",
            Settings(**RUNS),
            settle_seconds=SETTLE_SECONDS,
            **({"on_drift": WANTED, "drift_seconds": 0.0, "every": 1_000_000} | changes),
        )
        Watch(watched, orders, desk, told.append).once()
        return [event for event in told if event.kind not in ("started", "stopped")]

    return looked


def review_of(home: Home) -> DriftReview:
    state = watch_records.read_state(home, NAME)
    assert state is not None and state.drift is not None
    return state.drift


def words(home: Home) -> str:
    found = watch_records.watching(home, NAME)
    assert found is not None
    return " ".join(watching.in_words(found))


def waiting(home: Home) -> list[quarantine.Waiting]:
    return [entry for entry in quarantine.waiting(home.datasets / NAME) if entry.cause == quarantine.DRIFT]


def decide(home: Home, count: int) -> None:
    """Review so many images, and store the decisions."""
    queue = ReviewQueue(home, NAME)
    for _ in range(count):
        question = queue.next("Ada")
        assert question is not None
        queue.decide(question.digest, "label", "1", "Ada")
    review_batch.store(home, NAME, wait=True, notify=print)


def said_of(trained: int = 0, **known: Any) -> list[str]:
    """What is said of the review of 30 images after an alarm."""
    review = DriftReview(alarm="b", at=AT, since_id="a", read_to="b", wanted=30, **known)
    known = {"dataset": NAME, "inbox": "in", "every": 1, "at_most": "", "pid": 1, "since": AT, "started_at": AT}
    state = WatchState(**known, drift=review, trained=trained)
    return watching.in_words(Watching(state=state, running=True, events=()))


def test_the_status_says_how_many_images_have_to_be_served_before_a_run() -> None:
    *_, said = said_of(sent=27, reviewed=20)
    assert said == (
        f"Drift alarm at {AT}: 20 of 30 unusual images are reviewed and 7 wait for it; a run starts once 3 more are "
        "served and reviewed, or a day after the alarm with those found by then."
    )


def test_the_status_says_which_decisions_only_have_to_be_stored() -> None:
    *_, waiting, unstored = said_of(sent=30, reviewed=20, decided=8)
    assert "20 of 30 unusual images are reviewed and 2 wait for it; then a run starts." in waiting
    assert unstored == (
        "8 more are decided on but not stored: the button Store on the page /review stores them, and so does "
        f"`simulator.py review --dataset {NAME}` when it ends."
    )


def test_the_status_does_not_count_discarded_images_as_trained_on() -> None:
    *_, due = said_of(sent=30, reviewed=30, snapshot=2)
    assert due.endswith("30 unusual images are reviewed, and the run that follows is due.")
    *_, done = said_of(sent=30, reviewed=30, snapshot=2, trained=2)
    assert "30 unusual images are reviewed, and a run has trained on those that were not discarded. The alarm" in done


def test_decisions_that_are_not_stored_are_counted(watched: Home, look: Any) -> None:
    Log(watched).add(255 - stripes(40, 15)[0])
    look()
    queue = ReviewQueue(watched, NAME)
    for action, label in (("label", "1"), ("discard", None), ("skip", None)):
        question = queue.next("Ada")
        assert question is not None
        queue.decide(question.digest, action, label, "Ada")
    look()
    review = review_of(watched)
    assert (review.sent, review.reviewed, review.decided) == (WANTED, 0, 2)
    assert "0 of 12 unusual images are reviewed and 10 wait for it" in words(watched)
    decide(watched, 1)
    look()
    review = review_of(watched)
    assert (review.sent, review.reviewed, review.decided) == (WANTED, 3, 0)


@pytest.mark.slow
def test_an_alarm_starts_a_review_and_that_a_run(watched: Home, look: Any) -> None:
    log = Log(watched)
    usual = log.add(stripes(60, 1)[0])
    assert look() == []
    changed = log.add(255 - stripes(40, 2)[0])
    (alarm,) = look()
    assert alarm.kind == "drift"
    assert f"simulator.py review --dataset {NAME}" in alarm.sentence
    assert Path(str(alarm.details["page"])) == drift_files.page_file(watched, NAME)
    sent = waiting(watched)
    assert len(sent) == WANTED
    assert {entry.source for entry in sent} <= set(changed), f"of usual images there were {len(usual)}"
    assert "0 of 12 unusual images are reviewed and 12 wait for it; then a run starts." in words(watched)
    before = production.current(watched, NAME)

    decide(watched, WANTED - 1)
    assert look() == []
    assert review_of(watched).reviewed == WANTED - 1
    decide(watched, 1)
    assert before is not None
    # The first champion's promotion is told, too, if it fell into the watcher's first second.
    begun, promotion, run = (one for one in look() if one.details.get("version") != before.id)
    assert (promotion.kind, run.kind) == ("promotion", "run")
    assert (begun.kind, begun.sentence) == ("run", f"A run on {snapshots.find(watched.datasets, NAME).id} begins.")
    newest = snapshots.find(watched.datasets, NAME)
    champion = production.current(watched, NAME)
    assert champion is not None and champion.id != before.id
    assert promotion.details["version"] == champion.id
    assert versions.find(watched, champion.id).manifest.dataset.snapshot == newest.id
    never_judges(watched, {entry.digest for entry in sent})
    assert look() == [], "nothing is done twice"
    state = watch_records.read_state(watched, NAME)
    assert state is not None and state.drift is None

    log.add(np.random.default_rng(3).integers(0, 256, (60, 8, 8, 1), dtype=np.uint8))
    (second,) = look()
    assert (second.kind, review_of(watched).alarm) == ("drift", second.details["prediction"])
    assert second.details["prediction"] != alarm.details["prediction"]


def never_judges(home: Home, chosen: set[str]) -> None:
    """What was chosen for being unusual is training data for good."""
    stored = exporting.entries_of(home.datasets / NAME, snapshots.find(home.datasets, NAME), chosen)
    assert [entry.selection for entry in stored] == [shards.DOUBTFUL] * len(chosen)
    recorded = role_records.load(home, NAME)
    assert recorded is not None
    held = {one.tobytes().hex(): role for one, role in zip(recorded.digests, recorded.roles, strict=True)}
    assert {held[digest] for digest in chosen} == {roles.TRAINING}


@pytest.mark.slow
def test_images_are_added_as_they_are_served_until_there_are_enough(watched: Home, look: Any) -> None:
    log = Log(watched)
    log.add(255 - stripes(40, 4)[0])
    look(on_drift=50)
    first = review_of(watched)
    assert 0 < first.sent <= 40
    log.add(stripes(30, 5)[0])
    log.add(255 - stripes(60, 6)[0])
    assert look(on_drift=50) == []
    assert review_of(watched).sent == len(waiting(watched)) == 50
    log.add(255 - stripes(30, 7)[0])
    look(on_drift=50)
    assert len(waiting(watched)) == 50


def test_all_that_were_found_are_enough_after_a_day(watched: Home, look: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Log(watched).add(255 - stripes(30, 8)[0])
    monkeypatch.setattr(on_drift, "PATIENCE_SECONDS", float("inf"))
    look(on_drift=500)
    decide(watched, review_of(watched).sent)
    look(on_drift=500)
    assert review_of(watched).snapshot == 0
    monkeypatch.setattr(on_drift, "PATIENCE_SECONDS", 86_400.0)
    look(on_drift=500, every=1, pace=Pace("0/h", 0, 3600))  # the images were served in 2023
    assert review_of(watched).snapshot == snapshots.find(watched.datasets, NAME).number
    assert "unusual images are reviewed, and the run that follows is due." in words(watched)


def test_images_that_the_champion_is_less_sure_of_are_reviewed_too_after_the_farthest(watched: Home) -> None:
    champion = production.current(watched, NAME)
    assert champion is not None
    reference = drift_reference.of(watched, champion, data_dir=None, notify=print)
    seen = drift_reference.see(drift_reference.predictor(champion), stripes(40, 16)[0])
    classes = seen.probabilities.shape[1]
    sure = np.eye(classes, dtype=np.float32)[seen.probabilities.argmax(axis=1)]
    usual = replace(seen, probabilities=sure)
    alarm = drift_alarm(score=image_scores.NEIGHBOUR_DISTANCE)
    far = drift_changes.to_review(reference, usual, alarm, 100)
    assert len(far) < 30
    unsure = replace(seen, probabilities=np.linspace(0.4, 0.1, 40, dtype=np.float32)[:, None] * sure + 0.5 / classes)
    found = drift_changes.to_review(reference, unsure, alarm, 100)
    assert found == [*far, *(row for row in reversed(range(40)) if row not in far)]
    assert drift_changes.to_review(reference, unsure, alarm, 5) == found[:5]

    faint = drift_reference.see(drift_reference.predictor(champion), stripes(40, 16)[0] // 2)
    faint = replace(faint, probabilities=sure, features=seen.features)
    darker = drift_alarm(score=image_scores.INK, rises=False)
    assert len(drift_changes.to_review(reference, faint, darker, 100)) == 40
    for other in ({"rises": True}, {}):
        chosen = drift_changes.to_review(reference, faint, drift_alarm(score=image_scores.INK, **other), 100)
        assert len(chosen) < 40
    of_class = set(np.flatnonzero(sure[:, 1]).tolist())
    more = drift_changes.to_review(reference, usual, drift_alarm(score="class 1", rises=True), 100)
    assert set(more) == of_class | set(far)
    assert drift_changes.to_review(reference, usual, drift_alarm(score="class 1", rises=False), 100) == far


def drift_alarm(**changes: Any) -> DriftAlarm:
    facts = {"key": "a", "sentence": "Changed.", "image": 9, "since": 1, "prediction_id": "b", "at": AT}
    return DriftAlarm(**facts, since_id="a", unusual=(), **changes)


def test_what_waits_for_an_audit_takes_no_place_from_others(watched: Home, look: Any) -> None:
    images = 255 - stripes(40, 14)[0]
    changed = Log(watched).add(images)
    audits = [
        quarantine.of_pixels(pixels, cause=quarantine.AUDIT, source=own, batch="audit")
        for pixels, own in zip(images[::2], changed[::2], strict=True)
    ]
    quarantine.add(watched.datasets / NAME, "audit", audits, ("0", "1", "2"))
    look()
    assert len(waiting(watched)) == WANTED


def test_without_the_option_nobody_looks_at_the_log(watched: Home, look: Any) -> None:
    Log(watched).add(255 - stripes(60, 9)[0])
    assert look(on_drift=0) == []
    assert drift_files.read_state(watched, NAME) is None


def test_what_fails_is_tried_again_at_once(watched: Home, look: Any) -> None:
    Log(watched).add(stripes(60, 13)[0])
    look()
    drift_files.state_file(watched, NAME).write_text("{}")
    (trouble,) = look()
    assert "cannot continue with the images that are served" in trouble.sentence
    log = Logbook(watched, watch_records.read_state(watched, NAME), Listeners(), lambda event: None)
    looking = on_drift.OnDrift(watched, WANTED, 1_000.0, log=log, notify=print)
    for _ in range(2):
        with pytest.raises(StoreError, match="is damaged"):
            looking.look()


def test_a_reset_ends_the_review(watched: Home, look: Any) -> None:
    Log(watched).add(255 - stripes(60, 10)[0])
    look()
    drift.reset(watched, NAME, "for a test")
    assert look() == []
    state = watch_records.read_state(watched, NAME)
    assert state is not None and state.drift is None


def test_a_watcher_that_dies_anywhere_announces_and_sends_everything_once(
    watched: Home, look: Any, tmp_path: Path
) -> None:
    Log(watched).add(255 - stripes(60, 11)[0])
    drift.check(watched, NAME)
    clean = tmp_path / "clean"
    shutil.copytree(watched.root, clean)
    for at in range(1, 400, 5):
        shutil.rmtree(watched.root)
        shutil.copytree(clean, watched.root)
        with pytest.MonkeyPatch.context() as patch:
            broken = FaultyDisk(patch, "crash", at)
            with contextlib.suppress(Crash, StoreError):
                look()
        look()
        sources = [entry.source for entry in waiting(watched)]
        assert len(sources) == len(set(sources)) == WANTED
        announced = [one for one in watch_records.events(watched, NAME) if one.kind == "drift"]
        assert len(announced) == 1
        if len(broken.calls) < at:
            break
    assert at > 5
    assert decisions.read(watched.datasets / NAME).stored == []
