"""Reviewing what waits: who sees what, what is decided, and what becomes of it."""

import json
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from small_pictures import NAME, Ingest, picture, write_pictures
from threadpoolctl import threadpool_info, threadpool_limits

from pipeline.contracts import Roles
from pipeline.data import digests, roles, shards, snapshots, sources
from pipeline.data.digests import positions
from pipeline.errors import DataError
from pipeline.growing import (
    decisions,
    exporting,
    label_doubts,
    quarantine,
    removal,
    review,
    review_batch,
    review_order,
    screening,
)
from pipeline.growing.quarantine import Opinion, Waiting
from pipeline.growing.review import ReviewQueue
from pipeline.store import role_records
from pipeline.store.home import Home

CLASSES = ("bar", "ring")
SURE = Opinion(version="v1", classes=("ring", "bar"), probabilities=(0.97, 0.03))


def pixels(kind: str, number: int) -> np.ndarray:
    """Noise, another for each kind and number."""
    return np.random.default_rng([len(kind), number]).integers(0, 256, (12, 12, 1), dtype=np.uint8)


def image(kind: str, number: int, cause: str = screening.DOUBTED, label: int = quarantine.NO_LABEL) -> Waiting:
    return quarantine.of_pixels(
        pixels(kind, number), cause=cause, source=f"{kind}/{number}.png", batch="b", label=label, reason="Why.",
        opinions=[SURE],
    )  # fmt: skip


@pytest.fixture
def folder(home: Home, pictures: Path, take_in: Ingest) -> Path:
    """A dataset of ten bars and ten rings."""
    take_in(pictures)
    return home.datasets / NAME


def add(folder: Path, *entries: Waiting) -> int:
    return quarantine.add(folder, "b", entries, CLASSES)


def stored(home: Home) -> dict[str, shards.Entry]:
    return {
        entry.digest: entry for entry in exporting.entries_of(home.datasets / NAME, snapshots.find(home.datasets, NAME))
    }


def store(home: Home) -> review_batch.ReviewBatch:
    return review_batch.store(home, NAME, wait=True, notify=lambda sentence: None)


def judge_with(home: Home, *digests: str) -> None:
    """Record that these images of the newest snapshot are the benchmark."""
    data = sources.load(NAME, datasets=home.datasets)
    order = np.argsort(data.digests)
    own = [digest.tobytes().hex() for digest in data.digests[order]]
    drawn = np.array([roles.BENCHMARK if digest in digests else roles.TRAINING for digest in own], np.uint8)
    role_records.save(home, NAME, Roles(data.digests[order], drawn))


def test_what_is_put_into_the_queue_comes_back(folder: Path) -> None:
    one = image("bar", 50, label=0)

    assert add(folder, one, image("ring", 50)) == 2
    assert add(folder, one) == 0, "it waits already"
    (back, _) = quarantine.waiting(folder)
    assert back == one
    assert quarantine.discard(folder, [one.digest]) == 1
    assert [entry.source for entry in quarantine.waiting(folder)] == ["ring/50.png"]


def test_an_audit_of_what_waits_makes_it_an_audit(folder: Path) -> None:
    add(folder, image("bar", 50), image("bar", 51))
    quarantine.add(folder, "other", [image("bar", 50, quarantine.AUDIT)], CLASSES)

    waiting = {entry.source: (entry.cause, entry.selection) for entry in quarantine.waiting(folder)}
    assert waiting == {
        "bar/50.png": (quarantine.AUDIT, shards.AUDITED),
        "bar/51.png": (screening.DOUBTED, shards.DOUBTFUL),
    }


def test_damaged_files_of_the_queue_are_named(folder: Path) -> None:
    add(folder, image("bar", 50))
    decisions.path_of(folder).write_text('{"event":"decided"}\n')
    with pytest.raises(Exception, match=r"decisions\.jsonl, line 1 is damaged"):
        decisions.read(folder)
    (path,) = quarantine.batches(folder)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"b\.parquet cannot be read"):
        quarantine.waiting(folder)


def test_decisions_become_one_batch_with_the_reviewers_name(home: Home, folder: Path) -> None:
    entries = [image("bar", number) for number in range(51, 55)]
    entries.insert(0, image("bar", 50, label=1))
    add(folder, *entries)
    queue = ReviewQueue(home, NAME)
    queue.next("Ada")
    queue.decide(entries[0].digest, "label", "bar", "Ada")
    queue.decide(entries[1].digest, "discard", None, "Ada")
    queue.decide(entries[2].digest, "skip", None, "Ada")
    queue.decide(entries[3].digest, "label", "ring", "Grace")
    done = store(home)

    assert (done.added, done.discarded, done.skipped, done.reviewers) == (2, 1, 1, ("Ada", "Grace"))
    assert "2 images wait for the next review, 1 of them skipped." in done.in_words()
    new = stored(home)
    kept = new[entries[0].digest]
    assert (kept.label, kept.labelled_by, kept.batch, kept.reason) == (0, "Ada", done.id, "")
    assert new[entries[3].digest].labelled_by == "Grace"
    assert entries[1].digest in done.snapshot.removed, "it is refused should it arrive again"
    assert [entry.digest for entry in quarantine.waiting(folder)] == [entries[2].digest, entries[4].digest]
    assert ReviewQueue(home, NAME).next("Ada") is not None, "what was skipped waits for the next review"
    found = decisions.read(folder)
    assert [one.reviewer for one in found.stored] == ["Ada", "Ada", "Grace"]
    assert found.pending == {}


def test_undo_takes_back_the_reviewers_own_last_decision(home: Home, folder: Path) -> None:
    first, second = image("bar", 50), image("bar", 51)
    add(folder, first, second)
    queue = ReviewQueue(home, NAME)
    queue.next("Ada")
    queue.decide(first.digest, "label", "bar", "Ada")
    queue.decide(second.digest, "label", "bar", "Grace")
    undone = queue.undo("Ada")

    assert undone is not None
    assert undone.digest == first.digest
    assert queue.undo("Ada") is None
    assert [one.reviewer for one in decisions.read(folder).pending.values()] == ["Grace"]
    assert store(home).added == 1


def test_two_reviewers_do_not_overrule_each_other(home: Home, folder: Path) -> None:
    one = image("bar", 50)
    add(folder, one)
    ada, grace = ReviewQueue(home, NAME), ReviewQueue(home, NAME)
    assert ada.next("Ada") == grace.next("Grace")
    ada.decide(one.digest, "label", "bar", "Ada")

    with pytest.raises(DataError, match="Ada has already decided on this image"):
        grace.decide(one.digest, "label", "ring", "Grace")
    assert grace.next("Grace") is None
    store(home)
    with pytest.raises(DataError, match="no longer waits"):
        grace.decide(one.digest, "label", "ring", "Grace")
    with pytest.raises(DataError, match="no class 'cross'"):
        ada.decide(one.digest, "label", "cross", "Ada")


@pytest.mark.parametrize("cause", [cause for cause in quarantine.CAUSES if cause != quarantine.AUDIT])
def test_what_was_chosen_for_any_reason_never_judges(home: Home, folder: Path, cause: str) -> None:
    chosen = [image(kind, number, cause, label) for number in range(50, 80) for label, kind in enumerate(CLASSES)]
    add(folder, *chosen)
    queue = ReviewQueue(home, NAME)
    while (question := queue.next("Ada")) is not None:
        queue.decide(question.digest, "label", CLASSES[int(question.digest, 16) % 2], "Ada")
    assert store(home).added == 60

    data = sources.load(NAME, datasets=home.datasets)
    drawn = roles.assign_roles(data)
    own = drawn.roles[positions(data.digests, drawn.digests)]
    added = np.isin([digest.tobytes().hex() for digest in data.digests], [one.digest for one in chosen])
    assert added.sum() == 60
    assert (own[added] == roles.TRAINING).all()
    assert (own[~added] == roles.BENCHMARK).any()


def test_audits_are_reviewed_blind_and_may_judge(home: Home, folder: Path) -> None:
    audits = [image(kind, number, quarantine.AUDIT, 0) for number in range(50, 80) for kind in CLASSES]
    add(folder, *audits)
    queue = ReviewQueue(home, NAME)
    labels = {one.digest: one.source.partition("/")[0] for one in audits}
    while (question := queue.next("Ada")) is not None:
        shown = {name: value for name, value in vars(question).items() if value and name not in {"digest", "png"}}
        assert shown == {"blind": True}, "neither label, opinions nor reason"
        queue.decide(question.digest, "label", labels[question.digest], "Ada")
    store(home)

    data = sources.load(NAME, datasets=home.datasets)
    drawn = roles.assign_roles(data)
    judges = {digest.tobytes().hex() for digest in drawn.digests[drawn.roles == roles.BENCHMARK]}
    assert judges & set(labels)
    assert {entry.selection for entry in stored(home).values()} == {shards.ARRIVED, shards.AUDITED}


def test_a_benchmark_label_changes_only_by_a_blind_review(home: Home, folder: Path) -> None:
    held = list(stored(home).values())
    judge, other = held[0], held[1]
    for entry in (judge, other):
        facts = {**vars(entry), "selection": shards.DOUBTFUL, "reason": "Labelled bar, predicted ring."}
        add(folder, Waiting(**facts, cause=screening.DOUBTED, opinions=(SURE,)))
    queue = ReviewQueue(home, NAME)
    queue.next("Ada")
    for entry in (judge, other):
        queue.decide(entry.digest, "label", "ring", "Ada")
    judge_with(home, judge.digest)
    early = store(home)

    assert (early.relabelled, early.returned) == (1, 1), "a run drew the role after the decision"
    assert stored(home)[judge.digest].label == judge.label
    assert (stored(home)[other.digest].label, stored(home)[other.digest].selection) == (1, shards.DOUBTFUL)
    question = queue.next("Ada")
    assert question is not None
    assert (question.digest, question.blind, question.label, question.opinions) == (judge.digest, True, None, ())
    queue.decide(judge.digest, "label", "ring", "Ada")
    assert store(home).relabelled == 1
    changed = stored(home)[judge.digest]
    assert (changed.label, changed.labelled_by, changed.selection) == (1, "Ada", shards.ARRIVED)
    assert len(stored(home)) == len(held)


def test_every_fifth_image_is_blind_and_the_least_certain_come_first() -> None:
    def one(number: int, cause: str, share: float) -> Waiting:
        opinion = Opinion(version="v", classes=CLASSES, probabilities=(share, 1 - share))
        return quarantine.of_pixels(
            pixels("bar", number), cause=cause, source=str(share), batch="b", opinions=[opinion], label=-1
        )

    open_ = [one(number, screening.UNLABELLED, 0.5 + number / 20) for number in range(8)]
    shadow, surplus = one(20, quarantine.SHADOW, 0.99), one(21, screening.SURPLUS, 0.5)
    drift = one(22, quarantine.DRIFT, 0.99)
    audits = [one(number, quarantine.AUDIT, 0.5) for number in range(30, 34)]
    entries = [
        (entry, None, entry.cause == quarantine.AUDIT) for entry in (*audits, surplus, *open_[::-1], shadow, drift)
    ]
    found = review_order.ordered(entries)

    shown = [entry for entry in found if entry.cause != quarantine.AUDIT]
    assert shown == [drift, shadow, *open_, surplus]
    assert [place for place, entry in enumerate(found) if entry.cause == quarantine.AUDIT] == [4, 9, 13, 14]


def test_the_margin_of_a_label_is_negative_where_the_model_contradicts_it() -> None:
    opinion = Opinion(version="v", classes=("a", "b", "c"), probabilities=(0.7, 0.2, 0.1))

    assert review_order.margin(None, opinion) == pytest.approx(0.5)
    assert review_order.margin("a", opinion) == pytest.approx(0.5)
    assert review_order.margin("b", opinion) == pytest.approx(-0.5)
    assert review_order.margin("unknown", opinion) == pytest.approx(-0.7)
    assert review_order.margin("a", None) == 0


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (tuple("0123456789"), {digit: digit for digit in "0123456789"}),
        (("ship", "sun", "4", "cat"), {"h": "ship", "n": "sun", "4": "4", "c": "cat"}),
        (("sux", "q"), {"a": "sux", "b": "q"}),
    ],
)
def test_each_class_has_a_key(classes: tuple[str, ...], expected: dict[str, str]) -> None:
    assert review_order.keys(classes) == expected
    many = review_order.keys([f"class {number}" for number in range(200)])
    assert not {"s", "u", "x", "q", "/"} & many.keys()
    assert len(many) == 58


def test_decisions_that_were_left_are_stored_by_the_next_ingest(
    home: Home, folder: Path, tmp_path: Path, take_in: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = image("bar", 50)
    add(folder, one)
    queue = ReviewQueue(home, NAME)
    queue.next("Ada")
    queue.decide(one.digest, "label", "bar", "Ada")
    take_in(write_pictures(tmp_path / "more", range(20, 21)))
    assert one.digest not in stored(home), "Ada may still undo it"

    monkeypatch.setattr(review_batch, "LEFT_ALONE_SECONDS", -1)
    take_in(write_pictures(tmp_path / "more", range(21, 22)))
    assert stored(home)[one.digest].labelled_by == "Ada"


def test_an_erasure_reaches_the_decisions(home: Home, folder: Path) -> None:
    one, other = image("bar", 50), image("bar", 51)
    add(folder, one, other)
    queue = ReviewQueue(home, NAME)
    queue.next("Ada")
    for entry in (one, other):
        queue.decide(entry.digest, "label", "bar", "Ada")
    store(home)
    removal.remove(home, NAME, [one.digest], erase=True, notify=lambda sentence: None)

    assert one.digest not in decisions.path_of(folder).read_text()
    assert [entry.digest for entry in decisions.read(folder).stored] == [other.digest]


def _decide_on(root: Path, digests: list[str], done: "multiprocessing.Queue[int]") -> None:
    queue = ReviewQueue(Home(root), NAME)
    for number, digest in enumerate(digests):
        queue.decide(digest, "label", "bar", "Ada")
        done.put(number)


def test_a_killed_reviewer_loses_no_decision(home: Home, folder: Path) -> None:
    entries = [image("bar", number) for number in range(50, 90)]
    add(folder, *entries)
    context = multiprocessing.get_context("fork")
    done = context.Queue()
    child = context.Process(target=_decide_on, args=(home.root, [one.digest for one in entries], done))
    child.start()
    while done.get(timeout=30) < 5:
        pass
    os.kill(child.pid or 0, signal.SIGKILL)
    child.join()
    pending = decisions.read(folder).pending

    assert 6 <= len(pending) <= 40
    assert list(pending) == [one.digest for one in entries[: len(pending)]]
    assert store(home).added == len(pending)
    assert len(quarantine.waiting(folder)) == 40 - len(pending)


class _KilledError(Exception):
    pass


@pytest.mark.parametrize("step", ["commit", "take_out"])
def test_storing_that_was_killed_is_completed_by_the_next(
    home: Home, folder: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = next(iter(stored(home).values()))
    new, bad = image("bar", 50), image("bar", 51)
    relabel = Waiting(**{**vars(judge), "reason": "Why."}, cause=screening.CONFLICT)
    add(folder, new, bad, relabel)
    queue = ReviewQueue(home, NAME)
    queue.next("Ada")
    queue.decide(new.digest, "label", "bar", "Ada")
    queue.decide(bad.digest, "discard", None, "Ada")
    queue.decide(judge.digest, "label", "ring", "Ada")
    module = {"commit": review_batch.snapshot_store, "take_out": review_batch.quarantine}[step]
    real = getattr(module, step)

    def killed(*args: object, **options: object) -> None:
        real(*args, **options)
        raise _KilledError

    with monkeypatch.context() as patch:
        patch.setattr(module, step, killed)
        with pytest.raises(_KilledError):
            store(home)
    number = snapshots.find(home.datasets, NAME).number
    done = store(home)

    assert done.snapshot.number == number, "nothing is done twice"
    assert stored(home)[judge.digest].label == 1
    assert stored(home)[new.digest].labelled_by == "Ada"
    assert decisions.read(folder).pending == {}
    assert quarantine.waiting(folder) == []
    assert [one.action for one in decisions.read(folder).stored] == ["label", "discard", "label"]


def test_one_in_five_images_without_a_label_is_an_audit(
    home: Home, folder: Path, tmp_path: Path, take_in: Ingest
) -> None:
    for number in range(60):
        picture("bar", 100 + number).save(tmp_path / f"{number}.png")
    take_in(*sorted(tmp_path.glob("*.png")))

    causes = [entry.cause for entry in quarantine.waiting(folder)]
    assert 4 <= causes.count(quarantine.AUDIT) <= 24
    assert set(causes) == {quarantine.AUDIT, screening.UNLABELLED}


@pytest.fixture
def flipped(tmp_path: Path) -> tuple[Path, set[str]]:
    """250 bars and 250 rings, of which three of each are in the folder of the other."""
    folder = write_pictures(tmp_path / "flipped", range(250))
    wrong = set()
    for number in (3, 70, 140):
        for kind, other in (CLASSES, CLASSES[::-1]):
            (folder / kind / f"{number}.png").rename(folder / other / f"was {kind} {number}.png")
            wrong.add(f"{other}/was {kind} {number}.png")
    return folder, wrong


@pytest.mark.slow
def test_without_a_champion_labels_are_doubted_out_of_fold(
    home: Home, flipped: tuple[Path, set[str]], take_in: Ingest
) -> None:
    folder, wrong = flipped
    batch = take_in(folder)

    waiting = quarantine.waiting(home.datasets / NAME)
    assert {entry.source for entry in waiting} == wrong
    assert batch.counts[screening.DOUBTED] == 6
    assert {entry.opinions[0].version for entry in waiting} == {label_doubts.WHO}
    assert all("a quick model that did not see it predicts" in entry.reason for entry in waiting)
    assert "labels were compared with out-of-fold predictions" in " ".join(batch.in_words())


def test_without_a_champion_labels_of_copies_are_not_compared(
    pictures: Path, take_in: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_doubts, "LEAST_IMAGES", 20)
    first, again = take_in(pictures), take_in(pictures)
    assert (first.out_of_fold, again.out_of_fold) == (True, False)
    assert "labels were compared with out-of-fold predictions" in " ".join(first.in_words())
    assert "No champion" not in " ".join(again.in_words())


@pytest.mark.slow
def test_the_model_that_doubts_labels_keeps_no_second_core_spinning(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = set()

    class Watched(LogisticRegression):
        def fit(self, *fitted: Any) -> LogisticRegression:
            threads.update(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
            return super().fit(*fitted)

    monkeypatch.setattr("sklearn.linear_model.LogisticRegression", Watched)
    labels = np.arange(label_doubts.LEAST_IMAGES) % 2
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 12, 12, 1), np.uint8)
    with threadpool_limits(2):
        label_doubts.out_of_fold(images, labels, digests.image_digests(images), 2)

    assert threads == {1}


def test_doubts_of_a_stored_snapshot_wait_for_review_but_what_judges_stays(
    home: Home, flipped: tuple[Path, set[str]], take_in: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, wrong = flipped
    with monkeypatch.context() as patch:
        patch.setattr(label_doubts, "LEAST_IMAGES", 10**9)
        take_in(folder)
    judge = next(entry for entry in stored(home).values() if entry.source == "bar/was ring 70.png")
    judge_with(home, judge.digest)
    images = len(stored(home))
    found = label_doubts.search(home, NAME, wait=True, notify=lambda sentence: None)

    assert (found.compared, found.found, found.judging) == (images, 6, 1)
    assert {entry.source for entry in quarantine.waiting(home.datasets / NAME)} == wrong
    assert wrong & {entry.source for entry in stored(home).values()} == {judge.source}
    queue = ReviewQueue(home, NAME)
    kept = None
    while (question := queue.next("Ada")) is not None:
        assert question.blind == (question.digest == judge.digest)
        label = "ring" if question.blind else {"bar": "ring", "ring": "bar"}[str(question.label)]
        if kept is None and not question.blind:
            kept = label = str(question.label)
        queue.decide(question.digest, "label", label, "Ada")
    done = store(home)
    assert (done.added, done.relabelled, len(stored(home))) == (5, 1, images)
    again = label_doubts.search(home, NAME, wait=True, notify=lambda sentence: None)
    assert again.found == 0, "what a person decided on is not doubted again"


def test_the_counts_of_a_queue(home: Home, folder: Path) -> None:
    add(folder, image("bar", 50), image("bar", 51, quarantine.AUDIT))
    queue = ReviewQueue(home, NAME)
    queue.next("Ada")
    queue.decide(image("bar", 50).digest, "skip", None, "Ada")

    counted = review.counts(home, NAME)
    assert json.loads(json.dumps(counted)) == counted
    assert (counted[quarantine.AUDIT], counted[screening.DOUBTED], counted["pending"]) == (1, 0, 1)
