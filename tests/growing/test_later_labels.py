"""Images that wait in quarantine for a label, and labels that arrive for them."""

import shutil
from pathlib import Path

from small_pictures import NAME, Ingest, picture, write_pictures

from pipeline.data import shards
from pipeline.growing import exporting, quarantine
from pipeline.growing.review import ReviewQueue
from pipeline.growing.screening import CONFLICT, COPY, STORED, UNLABELLED
from pipeline.store.home import Home


def test_pictures_without_a_label_wait_and_come_in_once_they_have_one(
    home: Home, pictures: Path, tmp_path: Path, take_in: Ingest
) -> None:
    take_in(pictures)
    picture("ring", 79).save(tmp_path / "ring79.png")

    first = take_in(tmp_path / "ring79.png")
    assert first.counts == {UNLABELLED: 1}
    assert "1 image waits for review: `simulator.py review --dataset shapes`." in first.in_words()
    assert not any("check labels" in sentence for sentence in first.in_words()), "there was no label to check"
    assert take_in(tmp_path / "ring79.png").counts == {"waiting": 1}
    (entry,) = quarantine.waiting(home.datasets / NAME)
    assert (entry.label, entry.source) == (quarantine.NO_LABEL, "ring79.png")

    batch = take_in(tmp_path / "ring79.png", label="ring")

    assert batch.counts == {STORED: 1}
    assert "1 of those stored was in quarantine for want of a label." in batch.in_words()
    assert quarantine.waiting(home.datasets / NAME) == []
    assert batch.after is not None
    (stored,) = (one for one in exporting.entries_of(home.datasets / NAME, batch.after, [entry.digest]))
    assert stored.selection == shards.DOUBTFUL, "it never judges a model"


def test_a_batch_says_how_many_images_wait_and_how_many_of_them_are_its_own(
    pictures: Path, tmp_path: Path, take_in: Ingest
) -> None:
    for number in range(3):
        picture("ring", 70 + number).save(tmp_path / f"ring{number}.png")
    first = take_in(pictures, tmp_path / "ring0.png", tmp_path / "ring1.png")
    second = take_in(tmp_path / "ring2.png")
    third = take_in(write_pictures(tmp_path / "more", range(20, 22)))

    said = [next(line for line in batch.in_words() if "for review" in line) for batch in (first, second, third)]
    assert [line.partition(":")[0] for line in said] == [
        "2 images wait for review",
        "3 images wait for review, 1 of them from this batch",
        "3 images wait for review, none of them from this batch",
    ]
    assert third.facts()["in_quarantine"] == 3
    assert "too few images to check labels" in " ".join(third.in_words())


def test_a_label_that_is_doubted_or_a_reviewers_matter_does_not_pass_by_the_queue(
    home: Home, pictures: Path, tmp_path: Path, take_in: Ingest
) -> None:
    take_in(pictures)
    folder = home.datasets / NAME
    for name, number in {"both": 80, "audit": 77, "decided": 81}.items():
        picture("ring", number).save(tmp_path / f"{name}.png")
    take_in(tmp_path / "both.png", tmp_path / "audit.png", tmp_path / "decided.png")
    waiting = {entry.source: entry for entry in quarantine.waiting(folder)}
    ReviewQueue(home, NAME).decide(waiting["decided.png"].digest, "label", "bar", "mia")
    labelled = tmp_path / "labelled"
    for name, kind in (("both", "bar"), ("both", "ring"), ("audit", "ring"), ("decided", "ring")):
        (labelled / kind).mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / f"{name}.png", labelled / kind)

    batch = take_in(labelled)

    assert batch.counts == {CONFLICT: 1, COPY: 1, "waiting": 2}
    assert any(sentence.startswith("2 labels were not used: ") for sentence in batch.in_words())
    causes = {Path(entry.source).stem: entry.cause for entry in quarantine.waiting(folder)}
    assert causes == {"both": CONFLICT, "audit": quarantine.AUDIT, "decided": UNLABELLED}
