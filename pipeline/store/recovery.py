"""What a killed run left behind: finish it, keep it, or clean it up."""

from collections.abc import Container
from pathlib import Path

from pipeline.contracts import Candidate
from pipeline.errors import StoreError
from pipeline.store import atomic, manifest, production
from pipeline.store.home import Home
from pipeline.store.versions import candidate_of

TRAINED = ("model.onnx", "history.csv", "training_images.npz", "native/")
"""What the trainer writes; the watcher's files are written anew."""


def recover(home: Home) -> list[str]:
    """Bring the home back to order, under its lock; returns what was done, in sentences."""
    done = production.recover(home)
    written = [home.versions, home.failed]
    written_below = [home.metric_results, *home.versions.glob(".*/")]
    if sum(map(atomic.remove_temporaries, written)) + sum(map(_clean_below, written_below)):
        done.append("Removed half-written files of a killed run.")
    for folder in _staging_folders(home):
        if not _is_whole(folder):
            atomic.remove_tree(folder)
            done.append(f"Removed {folder.name}, which a killed run had not finished training.")
    return done


def staged(home: Home, finished: Container[str] = ()) -> dict[str, Candidate]:
    """Candidates that were trained but not judged before their run was killed, by cell.

    One whose cell is finished, judged or measured, is removed: it was trained twice, or only its removal was missed.
    """
    candidates = [candidate_of(folder) for folder in _staging_folders(home) if _is_whole(folder)]
    for candidate in candidates:
        if candidate.cell in finished:
            discard(candidate.folder)
    return {candidate.cell: candidate for candidate in candidates if candidate.cell not in finished}


def discard(folder: Path) -> None:
    """Remove a candidate that is not to be judged."""
    atomic.remove_tree(folder)


def _clean_below(folder: Path) -> int:
    return atomic.remove_temporaries(folder, deep=True)


def _staging_folders(home: Home) -> list[Path]:
    return sorted(path for path in home.staging.iterdir() if path.is_dir()) if home.staging.is_dir() else []


def _is_whole(folder: Path) -> bool:
    try:
        files = manifest.read(folder)["files"]
    except StoreError:
        return False
    trained = {name: expected for name, expected in files.items() if name.startswith(TRAINED)}
    return "model.onnx" in trained and all(
        (folder / name).is_file() and atomic.sha256_file(folder / name) == expected["sha256"]
        for name, expected in trained.items()
    )
