"""Read one version's folder: each of manifest, scores and verdict is taken only if it verifies."""

from pathlib import Path

from pipeline.contracts import Deployment, Verdict, Version
from pipeline.errors import StoreError
from pipeline.facts.manifest_facts import Manifest
from pipeline.facts.score_facts import Scores
from pipeline.judging import disclosure
from pipeline.store import judgements, manifest, scores, verdicts, version_arrays
from pipeline.store.home import Home

LISTED = (manifest.NAME, scores.NAME, verdicts.NAME)
"""What a listing reads of a version."""
REQUIRED = (manifest.MODEL, scores.NAME, version_arrays.PREDICTIONS, verdicts.NAME)


def read(folder: Path) -> Version:
    """Return the version in a folder, as far as it may be shown; what is wrong with it becomes its damage."""
    try:
        facts = manifest.read(folder)
        _require_named(facts, folder)
    except StoreError as error:
        return Version(folder.name, folder, None, None, _no_verdict(folder.name), damage=str(error))
    measured, damage = None, None
    given: tuple[Verdict, ...] = (_no_verdict(folder.name),)
    try:
        measured = scores.require_same_classes(folder, facts)
        given = _verdicts(folder, facts)
        damage = manifest.file_damage(folder, facts, content=False)
    except StoreError as error:
        damage = str(error)
    whole = Version(folder.name, folder, facts, measured, given[-1], damage=damage, earlier=given[:-1])
    return disclosure.shown(whole)


def champion_verdict(home: Home, champion: Deployment) -> Verdict:
    """Return the verdict that let a champion through, or the latest: it may have passed when it was judged again.

    Raises:
        StoreError: A verdict is missing, damaged or changed.
    """
    path = champion.folder / verdicts.NAME
    first = verdicts.parse(manifest.read_checked(champion.folder, verdicts.NAME), path)
    given = (first, *judgements.read(judgements.file(home, champion.id)))
    passed = [verdict for verdict in given if verdict.outcome == "pass"]
    return (passed or given)[-1]


def champion_scores(home: Home, champion: Deployment) -> Scores:
    """Return the scores of a champion as far as they may be shown: one that was promoted by hand may be a refused one.

    Raises:
        StoreError: They, or a verdict, are missing, damaged or changed.
    """
    measured = scores.read_verified(champion)
    withheld = disclosure.withholds(champion_verdict(home, champion))
    return disclosure.shown_scores(measured) if withheld else measured


def _require_named(facts: Manifest, folder: Path) -> None:
    if facts.id != folder.name:
        raise StoreError(f"its manifest belongs to {facts.id}.")
    unlisted = [name for name in REQUIRED if name not in facts.files]
    if unlisted:
        raise StoreError(f"{', '.join(unlisted)} missing.")


def _verdicts(folder: Path, facts: Manifest) -> tuple[Verdict, ...]:
    """Return every verdict on a version, oldest first; the first is that of its folder."""
    first = verdicts.parse(manifest.check_content(folder, facts, verdicts.NAME), folder / verdicts.NAME)
    path = judgements.file_of(folder)
    given = (first, *judgements.read(path))
    for number, verdict in enumerate(given):
        if (verdict.candidate_id, verdict.candidate_digest) != (facts.id, facts.digest):
            raise StoreError(f"{verdicts.NAME if number == 0 else path} was given on another model.")
    in_failed = folder.parent.name == judgements.FAILED
    # A version that passed when it was judged again is in ``failed/`` until it is moved.
    misplaced = first.outcome == "pass" if in_failed else not judgements.passed(given)
    if misplaced:
        raise StoreError(f"{verdicts.NAME} says {first.outcome}, but the folder is in {folder.parent}.")
    return given


def _no_verdict(version_id: str) -> Verdict:
    return Verdict("error", version_id, "", None, None, "", "", 0, "", "", ())
