"""Take images out of a dataset: struck from the next snapshot, or erased from all of them.

Erasing is a list of steps that can each be repeated: the images to erase are first listed in ``.erasing.json``, and
the file is deleted last, so that whoever writes to the dataset next completes an erasure that was killed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.contracts import Roles
from pipeline.data import shard_cache, shards, snapshots
from pipeline.data.digests import contained
from pipeline.data.notices import Notify
from pipeline.data.snapshots import Shard, Snapshot
from pipeline.errors import DataError
from pipeline.growing import decisions, quarantine, served_deletion, snapshot_store, version_traces
from pipeline.growing.arrivals import Item
from pipeline.growing.preparing import prepare_item
from pipeline.growing.snapshot_store import Change, Terms, reports_folder
from pipeline.inspection import reporting
from pipeline.judging.words import counted
from pipeline.orchestration import refitting
from pipeline.store import atomic, disk, drift_files, lock, role_records
from pipeline.store.home import Home

PENDING = ".erasing.json"
SHORTEST_DIGEST = 8


@dataclass(frozen=True)
class Removal:
    """What a removal did.

    Attributes:
        digests: Of the images.
        snapshot: The snapshot without them; ``None`` where they were only in quarantine or older snapshots.
        erased: Whether their bytes and digests are gone everywhere.
        versions: Ids of the versions that were trained or validated on any of them.
        reports: How many reports of versions were deleted, since they could show one of them.
        pages: Which other pages were deleted for the same reason: those of ``explore``, of ``ingest``, or both.
    """

    digests: tuple[str, ...]
    snapshot: Snapshot | None
    erased: bool
    versions: tuple[str, ...]
    reports: int = 0
    pages: tuple[str, ...] = ()

    def in_words(self) -> list[str]:
        """Return the report, one sentence per line."""
        count = "1 image was" if len(self.digests) == 1 else f"{len(self.digests)} images were"
        them, again = (
            ("it", "it would be stored again if it arrived again: keep its file")
            if len(self.digests) == 1
            else ("them", "they would be stored again if they arrived again: keep their files")
        )
        lines = [f"{count} {'erased from every snapshot' if self.erased else 'removed'}."]
        if self.snapshot is not None:
            lines.append(f"The newest snapshot is {self.snapshot.id} with {self.snapshot.images:,} images.")
        if self.erased:
            lines += self._deleted_in_words(them)
            lines.append(f"Nothing of {them} is kept, so {again} out of what you send.")
        if not self.versions:
            return [*lines, f"No version was trained on {them}."]
        named = ", ".join(self.versions)
        return [*lines, f"These versions were trained on removed images and still exist: {named}. Train new ones."]

    def _deleted_in_words(self, them: str) -> list[str]:
        deleted = [f"{counted(self.reports, 'report')} of versions that could show {them}"] if self.reports else []
        deleted += [f"the pages of {' and '.join(self.pages)}"] if self.pages else []
        return [f"Deleted too: {', and '.join(deleted)}."] if deleted else []


def remove(home: Home, dataset: str, images: Sequence[str], *, erase: bool, notify: Notify) -> Removal:
    """Remove images from a dataset.

    Args:
        home: The home folder.
        dataset: The dataset's name.
        images: Each a digest or its beginning, a recorded source, or the path of a picture file.
        erase: Also delete their bytes and digests from every snapshot, the quarantine, the roles, the records of
            versions and the reports with their pictures.
        notify: Called with each sentence that a user should read.

    Raises:
        DataError: There is no such dataset or image.
        StoreError: The disk is full or fails.
    """
    snapshots.find(home.datasets, dataset)
    folder = home.datasets / dataset
    with lock.writing(home, wait=True, notify=notify), snapshot_store.writing(folder, wait=True, notify=notify):
        complete_erasure(home, folder)
        newest = snapshots.find(home.datasets, dataset)
        found = _find(folder, newest, images, everywhere=erase)
        trained = tuple(version_traces.trained_on(home, found))
        snapshot = _strike(folder, newest, found, removed=not erase)
        reports, pages = 0, tuple[str, ...]()
        quarantine.discard(folder, found)
        if erase:
            traces = version_traces.folders_with_traces(home, found)
            reports = sum((home.root / place / "report.html").exists() for place in traces)
            pages = tuple(command for command, place in _pages(home, dataset).items() if place.exists())
            atomic.write_json(folder / PENDING, {"images": sorted(found), "traces": traces})
            complete_erasure(home, folder)
            snapshot = snapshots.latest(folder)
        return Removal(tuple(sorted(found)), snapshot, erase, trained, reports, pages)


def finish(home: Home, folder: Path, *, wait: bool, notify: Notify) -> None:
    """Complete an erasure that was killed, if there is one.

    Raises:
        StoreError: The disk is full or fails.
    """
    if (folder / PENDING).exists():
        with (
            lock.writing(home, wait=wait, notify=notify),
            snapshot_store.writing(folder, wait=wait, notify=notify),
        ):
            if complete_erasure(home, folder):
                notify(f"Completed an erasure in {folder} that a killed process had begun.")


def complete_erasure(home: Home, folder: Path) -> bool:
    """Finish an interrupted erasure; return whether there was one. The caller holds both locks.

    Raises:
        StoreError: The disk is full or fails; the next call resumes.
    """
    if not (folder / PENDING).exists():
        return False
    pending = atomic.read_json(folder / PENDING)
    doomed = frozenset(pending["images"])
    _erase_from_shards(folder, doomed)
    quarantine.discard(folder, doomed)
    with quarantine.locked(folder):
        decisions.forget(folder, doomed)
    shard_cache.forget(folder)
    served_deletion.erase(home, doomed)
    drift_files.forget_images(home, folder.name)
    for lineage in role_records.names(home):
        _forget_roles(home, lineage, doomed)
    for place in pending["traces"]:
        version_traces.forget(home.root / place, doomed)
    refitting.remove_cut_off(home)
    for pages in _pages(home, folder.name).values():
        atomic.remove_tree(pages)
    with atomic.disk_errors(folder / PENDING):
        disk.unlink(folder / PENDING)
        atomic.sync_folder(folder)
    if (home.metric_results / "index.html").exists():
        reporting.write_overview(home)  # it links reports and pages that are gone
    return True


def _pages(home: Home, dataset: str) -> Mapping[str, Path]:
    """The folders of pages that may show an image of a dataset, by the command that writes them."""
    return {"explore": home.explorations, "ingest": reports_folder(home, dataset)}


def _find(folder: Path, newest: Snapshot, images: Sequence[str], *, everywhere: bool) -> frozenset[str]:
    numbers = snapshots.numbers(folder) if everywhere else [newest.number]
    stored = {shard.file: shard for number in numbers for shard in snapshots.read(folder, number).shards}
    places = [snapshots.shard_file(folder, shard) for shard in stored.values()] + quarantine.batches(folder)
    sources: dict[str, set[str]] = {}
    for path in places:
        rows = shards.read(path, ["digest", "source"])
        for digest, source in zip(rows.column("digest").to_pylist(), rows.column("source").to_pylist(), strict=True):
            sources.setdefault(digest, set()).add(source)
    found: set[str] = set()
    for image in images:
        found |= _matching(image, sources, newest)
    return frozenset(found)


def _matching(image: str, sources: dict[str, set[str]], newest: Snapshot) -> set[str]:
    text = image.lower()
    digests = {digest for digest in sources if len(text) >= SHORTEST_DIGEST and digest.startswith(text)}
    digests = digests or {digest for digest, names in sources.items() if image in names}
    if not digests and Path(image).is_file():
        digests = {prepare_item(Item(image, Path(image), None), newest.preparation).digest} & sources.keys()
    if not digests:
        no_file = "" if Path(image).is_file() else ", and there is no such file"
        raise DataError(
            f"'{image}' is not in {newest.name}{no_file}: give a digest, or {SHORTEST_DIGEST} or more of its first "
            "digits, the source as `dataset export --to folder` lists it, or the picture file itself."
        )
    if len(digests) > 1:
        raise DataError(f"'{image}' matches {len(digests)} images of {newest.name}: give their digests.")
    return digests


def _strike(folder: Path, newest: Snapshot, found: frozenset[str], *, removed: bool) -> Snapshot | None:
    terms = Terms(newest.classes, newest.shape, newest.preparation)
    held = {
        digest
        for rows in snapshot_store.stored_rows(folder, newest, ["digest"])
        for digest in rows.column("digest").to_pylist()
    }
    if not held & found:
        return None
    return snapshot_store.commit(folder, newest, Change("removal", terms, struck=found, removed=removed))


def _erase_from_shards(folder: Path, doomed: frozenset[str]) -> None:
    """Rewrite each shard that holds one of the images, then each manifest that names such a shard."""
    replaced: dict[str, Shard | None] = {}
    lost: dict[str, int] = {}
    for number in snapshots.numbers(folder):
        snapshot = snapshots.read(folder, number)
        for shard in snapshot.shards:
            if shard.file not in replaced:
                replaced[shard.file] = _without(folder, shard, snapshot.classes, doomed)
                fresh = replaced[shard.file]
                lost[shard.file] = shard.rows - (fresh.rows if fresh else 0)
        kept = tuple(fresh for shard in snapshot.shards if (fresh := replaced[shard.file]) is not None)
        gone = sum(lost[shard.file] for shard in snapshot.shards)
        removed = tuple(digest for digest in snapshot.removed if digest not in doomed)
        if gone or removed != snapshot.removed:
            counts = snapshot_store.class_counts(folder, kept, snapshot.classes)
            facts = {"shards": kept, "class_counts": counts, "removed": removed, "erased": snapshot.erased + gone}
            snapshot_store.publish(folder, snapshot.model_copy(update=facts).sealed())
    snapshot_store.recover(folder)


def _without(folder: Path, shard: Shard, classes: Sequence[str], doomed: frozenset[str]) -> Shard | None:
    rows = shards.read(snapshots.shard_file(folder, shard), ["digest"])
    if doomed.isdisjoint(rows.column("digest").to_pylist()):
        return shard
    return snapshot_store.rewrite(folder, shard, f"{Path(shard.file).stem}-erased.parquet", classes, doomed)


def _forget_roles(home: Home, lineage: str, doomed: Collection[str]) -> None:
    """Forget the roles of images in a lineage, which may have another name than the dataset (``run --name``)."""
    roles = role_records.load(home, lineage)
    if roles is None or not (gone := contained(roles.digests, version_traces.as_digests(doomed))).any():
        return
    drift_files.forget_images(home, lineage)
    role_records.save(home, lineage, Roles(roles.digests[~gone], roles.roles[~gone]))
