"""What a killed run left behind: finish it, keep it, or clean it up."""

from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path

from pipeline.contracts import Candidate, Deployment
from pipeline.errors import StoreError, UnreadableError
from pipeline.store import atomic, judgements, ledger_files, manifest, production, repeats
from pipeline.store.home import Home
from pipeline.store.versions import admit, candidate_of

TRAINED = ("model.onnx", "history.csv", "training_images.npz", "out_of_fold.npz", "native/")
"""What the trainer writes; the watcher's files are rewritten."""


@dataclass(frozen=True)
class Recovery:
    """What was put in order.

    Attributes:
        notices: A sentence for each thing that was done.
        completed: Deployments that a killed command had recorded but not yet made effective.
    """

    notices: tuple[str, ...] = ()
    completed: tuple[Deployment, ...] = ()


def recover(home: Home) -> Recovery:
    """Put the home in order, under its lock.

    Raises:
        StoreError: The history is damaged, or the disk fails.
    """
    cut = cut_torn_lines(home)
    deployed = complete_deployments(home)
    notices = [sentence for step in STEPS for sentence in step(home)]
    return Recovery((*cut, *deployed.notices, *notices), deployed.completed)


def cut_torn_lines(home: Home) -> list[str]:
    """Cut off incomplete last lines that a killed writer left, which never counted; return what was done."""
    return [f"Cut off a half-written line of {path.name}." for path in line_files(home) if atomic.cut_torn_line(path)]


def line_files(home: Home) -> list[Path]:
    """Return the files to which lines are appended."""
    ledgers = [ledger_files.file(home, name) for name in ledger_files.names(home)]
    return [production.history_file(home), repeats.file(home), *ledgers, *judgements.files(home)]


def complete_deployments(home: Home) -> Recovery:
    """Make the champions that the history names effective.

    Raises:
        StoreError: The history is damaged, or the disk fails.
    """
    notices, completed = [], []
    for deployment, recorded_only in production.complete(home):
        if recorded_only:
            completed.append(deployment)
            what = {"promote": "promotion of", "override": "override for", "rollback": "rollback to"}
            notices.append(
                f"Completed the {what[deployment.action]} {deployment.id}, which a killed command had recorded."
            )
        else:
            notices.append(f"Restored production/{deployment.dataset}/{production.CURRENT} from the history.")
    return Recovery(tuple(notices), tuple(completed))


def restore_bundles(home: Home, *, content: bool = False) -> list[str]:
    """Rebuild missing or damaged bundles of champions from their versions; return what was done.

    Args:
        home: The home folder.
        content: Verify every byte of every champion's bundle; otherwise of those that serve now.

    Raises:
        StoreError: The history is damaged, or the disk fails.
    """
    done = []
    for record in production.deployed(home):
        serves = production.current_record(home, record.dataset) == record
        if production.bundle_damage(home, record, content=content or serves) is None:
            continue
        if (version := version_folder(home, record.id, record.digest)) is not None:
            production.copy_bundle(version, production.bundle_of(home, record))
            done.append(f"Restored the bundle of {record.id} from its version.")
    return done


def version_folder(home: Home, version_id: str, digest: str) -> Path | None:
    """Return the folder of a whole version with this digest, every byte verified; ``None`` if there is none."""
    for folder in (home.versions / version_id, home.failed / version_id):
        whole = folder.is_dir() and manifest.damage(folder, content=True) is None
        if whole and manifest.read(folder).digest == digest:
            return folder
    return None


def remove_leftovers(home: Home) -> list[str]:
    """Delete temporary files and folders of killed writers; return what was done."""
    found = sum(atomic.remove_temporaries(folder, deep=deep) for folder, deep in written_folders(home))
    return ["Removed half-written files of a killed command."] if found else []


def remove_half_trained(home: Home) -> list[str]:
    """Delete candidates whose training was cut off; return what was done.

    Raises:
        UnreadableError: The disk fails to read a candidate, which may be whole.
        StoreError: The disk fails.
    """
    done = []
    for folder in half_trained(home):
        atomic.remove_tree(folder)
        done.append(f"Removed {folder.name}, whose training a killed run had not finished.")
    return done


def admit_judged_again(home: Home) -> list[str]:
    """Move versions out of ``failed/`` that passed when they were judged again; return what was done.

    Raises:
        UnreadableError: The disk fails to read a verdict.
        StoreError: The disk fails.
    """
    sound = [path.stem for path in judgements.files(home) if _is_sound(path)]
    moved = [version_id for version_id in sound if admit(home, version_id)]
    return [f"Moved {name} out of failed/: it passed when it was judged again." for name in moved]


def catch_up_ledgers(home: Home) -> list[str]:
    """Bring the heads of ledgers up to their last lines; return what was done."""
    repaired = [name for name in ledger_files.names(home) if ledger_files.catch_up(home, name)]
    return [f"Brought the .head file of the gate's ledger of {name[:12]} up to its last line." for name in repaired]


STEPS: tuple[Callable[[Home], list[str]], ...] = (
    remove_leftovers,
    admit_judged_again,
    restore_bundles,
    remove_half_trained,
    catch_up_ledgers,
)


def written_folders(home: Home) -> list[tuple[Path, bool]]:
    """Return the folders that writers write to, and whether anything below them may be half written, too."""
    below = [home.metric_results, *home.versions.glob(".*/"), *home.production.glob("*/")]
    return [(home.versions, False), (home.failed, False), (home.production, False), *((path, True) for path in below)]


def half_trained(home: Home) -> list[Path]:
    """Return the folders in staging that are not whole candidates.

    Raises:
        UnreadableError: The disk fails to read one.
    """
    return [folder for folder in _staging_folders(home) if not _is_whole(folder)]


def staged(home: Home, finished: Container[str] = ()) -> dict[str, Candidate]:
    """Return candidates that were trained but not judged before their run was killed, by cell.

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


def _staging_folders(home: Home) -> list[Path]:
    if not home.staging.is_dir():
        return []
    return sorted(path for path in home.staging.iterdir() if path.is_dir() and not path.name.startswith("."))


def _is_sound(path: Path) -> bool:
    """Whether later verdicts can be read; a version whose verdicts are damaged is listed with its damage."""
    try:
        judgements.read(path)
    except UnreadableError:
        raise
    except StoreError:
        return False
    return True


def _is_whole(folder: Path) -> bool:
    try:
        files = manifest.read(folder).files
        trained = {name: expected for name, expected in files.items() if name.startswith(TRAINED)}
        return "model.onnx" in trained and all(
            atomic.sha256_file(folder / name) == expected.sha256 for name, expected in trained.items()
        )
    except UnreadableError:
        raise
    except StoreError:
        return False
