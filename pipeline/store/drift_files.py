"""What a drift monitor keeps: ``production/<dataset>/drift.npz`` and ``served/<dataset>/drift.json``."""

import contextlib
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from pipeline.contracts import Deployment
from pipeline.errors import StoreError, UnreadableError
from pipeline.facts.drift_facts import DriftState, MartingaleFacts, ReferenceFacts
from pipeline.monitoring.image_scores import Scorer
from pipeline.monitoring.martingales import Martingale
from pipeline.monitoring.spaces import Space
from pipeline.store import atomic, disk, typed_files
from pipeline.store.home import Home

REFERENCE, STATE, PAGE, LOCK = "drift.npz", "drift.json", "drift.html", ".drift.lock"
LOCK_SECONDS = 600
_REFERENCE = TypeAdapter(ReferenceFacts)
_STATE = TypeAdapter(DriftState)
_SPACES = ("features", "pixels")
_ARRAYS = ("class_means", "scales", "edges", "shares")
_NAMES = (*(f"{space}_{part}" for space in _SPACES for part in ("mean", "axes", "near")), *_ARRAYS)


@dataclass(frozen=True, eq=False)
class Reference:
    """The images that a champion was not trained on, as its monitor needs them.

    Attributes:
        facts: What it was made from.
        scorer: Computes the scores.
        counts: Images in each bin of each score, ``[K, BINS]``.
        corrupted: The same for corrupted copies of some of them, by the name of the corruption.
    """

    facts: ReferenceFacts
    scorer: Scorer
    counts: NDArray[np.int64]
    corrupted: Mapping[str, NDArray[np.int64]]

    @property
    def sha256(self) -> str:
        """The SHA-256, in hexadecimal, of all of it."""
        return _digest(self.facts.model_dump_json(), _arrays(self))


@contextlib.contextmanager
def changing(home: Home, dataset: str) -> Iterator[None]:
    """Hold the lock of a dataset's monitor; it is not the home's lock, which a run may hold for hours.

    Raises:
        StoreError: Another process has held it for ten minutes, or the disk fails.
    """
    path = home.served_of(dataset) / LOCK
    with atomic.disk_errors(path):
        atomic.make_folder(path.parent)
        lock = filelock.FileLock(path, timeout=LOCK_SECONDS)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise StoreError(f"Another process has been reading the log of {dataset} for ten minutes.") from error
    try:
        yield
    finally:
        lock.release()


def read_reference(home: Home, champion: Deployment) -> Reference | None:
    """Return a champion's reference; ``None`` if it is missing, damaged or another's, since it can be rebuilt.

    Raises:
        UnreadableError: The disk fails to read it.
    """
    path = home.production_of(champion.dataset) / REFERENCE
    try:
        content = atomic.read_bytes(path)
        found = typed_files.parse_arrays(content, path, ("facts", "sha256", "counts", "corrupted", *_NAMES))
        facts = typed_files.parse(_REFERENCE, found["facts"].tobytes(), path)
    except UnreadableError:
        raise
    except StoreError:
        return None
    features, pixels = (Space(*(found[f"{space}_{part}"] for part in ("mean", "axes", "near"))) for space in _SPACES)
    reference = Reference(
        facts,
        Scorer(features, pixels, *(found[name] for name in _ARRAYS)),
        found["counts"],
        dict(zip(facts.corruptions, found["corrupted"], strict=False)),
    )
    whole = found["sha256"].tobytes().decode("ascii", "replace") == reference.sha256
    return reference if whole and facts.digest == champion.digest else None


def reference_signature(home: Home, dataset: str) -> tuple[int, ...] | None:
    """Return what changes whenever the reference does; ``None`` where there is none."""
    try:
        facts = (home.production_of(dataset) / REFERENCE).stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_mtime_ns, facts.st_size


def write_reference(home: Home, reference: Reference) -> None:
    """Store a reference, in place of that of an earlier champion.

    Raises:
        StoreError: The disk is full or fails.
    """
    facts = np.frombuffer(reference.facts.model_dump_json().encode(), np.uint8)
    sha256 = np.frombuffer(reference.sha256.encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, facts=facts, sha256=sha256, **_arrays(reference))
    atomic.write_bytes(home.production_of(reference.facts.dataset) / REFERENCE, buffer.getvalue())


def read_state(home: Home, dataset: str) -> DriftState | None:
    """Return the state of a dataset's monitor, ``None`` if it never had one.

    Raises:
        StoreError: It is damaged.
    """
    path = state_file(home, dataset)
    if not path.exists():
        return None
    try:
        return typed_files.parse(_STATE, atomic.read_bytes(path), path)
    except UnreadableError:
        raise
    except StoreError as error:
        raise StoreError(
            f"{error} Restore it from a backup. If you delete it, a new monitor starts, and its promise no longer "
            "counts those before it."
        ) from error


def write_state(home: Home, state: DriftState) -> None:
    """Replace the state of a dataset's monitor.

    Raises:
        StoreError: The disk is full or fails.
    """
    atomic.write_bytes(state_file(home, state.dataset), state.model_dump_json().encode())


def watched(home: Home) -> list[str]:
    """Return the datasets that have a monitor, by name."""
    return sorted(path.parent.name for path in home.served.glob(f"*/{STATE}"))


def state_file(home: Home, dataset: str) -> Path:
    """Return where the state of a dataset's monitor is."""
    return home.served_of(dataset) / STATE


def page_file(home: Home, dataset: str) -> Path:
    """Return where the page on an alarm is: beside the log, since it shows what was served."""
    return home.served_of(dataset) / PAGE


def remove_page(home: Home, dataset: str) -> None:
    """Delete the page on an alarm, if there is one.

    Raises:
        StoreError: The disk fails.
    """
    _remove(page_file(home, dataset))


def forget_images(home: Home, dataset: str) -> None:
    """Delete what holds traces of images: the page, and the reference, which is rebuilt without them.

    Raises:
        StoreError: The disk fails.
    """
    _remove(page_file(home, dataset))
    _remove(home.production_of(dataset) / REFERENCE)


def martingale_facts(martingale: Martingale, reference: Reference) -> MartingaleFacts:
    """Return the state of a martingale, its reference left out."""
    return MartingaleFacts(
        counts=_table(martingale.counts - reference.counts),
        stakes=_table(martingale.stakes),
        sums=_table(martingale.sums),
        onsets=_table(martingale.onsets),
        waiting=martingale.waiting,
        steps=martingale.steps,
    )


def martingale_of(facts: MartingaleFacts, reference: Reference) -> Martingale:
    """Return the martingale of a state; one that has seen nothing starts with the reference alone.

    Raises:
        StoreError: The state is not one of this reference.
    """
    fresh = Martingale(reference.counts.copy(), reference.scorer.vanishing)
    if not facts.steps:
        return fresh
    counts, onsets = np.array(facts.counts, np.int64), np.array(facts.onsets, np.int64)
    stakes, sums = np.array(facts.stakes, np.float64), np.array(facts.sums, np.float64)
    if counts.shape != fresh.counts.shape or {stakes.shape, sums.shape, onsets.shape} != {fresh.stakes.shape}:
        raise StoreError(f"{STATE} of {reference.facts.dataset} is damaged: it has other scores than its reference.")
    return Martingale(fresh.counts + counts, fresh.vanishing, stakes, sums, onsets, facts.waiting, facts.steps)


def _remove(path: Path) -> None:
    with atomic.disk_errors(path), contextlib.suppress(FileNotFoundError):
        disk.unlink(path)


def _table(array: NDArray[Any]) -> Any:
    return tuple(map(tuple, array.tolist()))


def _arrays(reference: Reference) -> dict[str, NDArray[Any]]:
    scorer = reference.scorer
    spaces = {
        f"{name}_{part}": getattr(getattr(scorer, name), part) for name in _SPACES for part in ("mean", "axes", "near")
    }
    corrupted = [reference.corrupted[name] for name in reference.facts.corruptions]
    return {
        "counts": reference.counts,
        "corrupted": np.stack(corrupted) if corrupted else np.zeros((0, *reference.counts.shape), np.int64),
        **spaces,
        **{name: getattr(scorer, name) for name in _ARRAYS},
    }


def _digest(facts: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(facts.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
