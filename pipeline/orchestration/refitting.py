"""The champion's recipe fitted on all labelled images, only for a submission: ``metric_results/refits/``.

It is fitted on the benchmark, too, so it can never be judged, and it is not a version: neither the gate nor
production knows of it. All that is known is that it agrees with the champion, which was judged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mode
from typing import Any

import numpy as np

from pipeline.application import Application
from pipeline.contracts import (
    Cell,
    FitProgress,
    LabelledImages,
    Refit,
    Split,
    Submission,
    UnlabelledImages,
    Version,
    no_progress,
)
from pipeline.data import digests
from pipeline.data.notices import Notify
from pipeline.data.sources import spec_of
from pipeline.errors import DataError, ModelError
from pipeline.facts.competition import SubmissionForm
from pipeline.facts.manifest_facts import Manifest, RefitFacts
from pipeline.judging.agreement import Agreement, agreement
from pipeline.models import own, registry, temperature
from pipeline.publishing import submitter
from pipeline.publishing.entry import Entry
from pipeline.store import atomic, lock, manifest, version_arrays
from pipeline.store.home import Home
from pipeline.trainer import Trainer

FOLDER, STAGING = "refits", ".staging"
LENGTHS = ("rounds", "epochs")
"""Parameters that say how long a recipe trains at most, if it may stop early."""


@dataclass(frozen=True, eq=False)
class RefitRequest:
    """What to refit.

    Attributes:
        champion: The version whose recipe is used.
        seeds: Models whose probabilities are averaged; they differ by seed.
        test: The images that will be predicted.
        allow_leak: Go on although labelled images are among them.
        entry: The competition that the predictions go to, if to one.
    """

    champion: Version
    seeds: int
    test: UnlabelledImages
    allow_leak: bool = False
    entry: Entry | None = None


def refit(
    home: Home, request: RefitRequest, data: LabelledImages, notify: Notify, progress: FitProgress = no_progress
) -> Refit:
    """Return the refit of a champion, trained now unless it was before.

    Args:
        home: Where it is kept.
        request: What to refit.
        data: The champion's dataset as it is now; all of its images are fitted.
        notify: Called with a sentence that a user should read.
        progress: Called after each epoch or round.

    Raises:
        DataError: Labelled images are among the test images.
        ModelError: The champion has no recipe to refit, or the refit disagrees with it on more test images than
            chance explains.
        StoreError: A file is damaged, or the disk fails.
    """
    facts = request.champion.manifest
    if not request.allow_leak:
        require_unseen(data, request.test, request.seeds, request.entry, request.champion)
    cell = _cell(facts, data, request.seeds)
    folder = home.metric_results / FOLDER / data.name / facts.id / cell.digest[:8]
    with lock.writing(home, wait=True, notify=notify):
        if manifest.damage(folder, content=True) is not None:
            notify(
                f"Refitting {facts.recipe} on all {len(data):,} labelled images, {request.seeds} "
                f"{'seed' if request.seeds == 1 else 'seeds'}: only for this submission, and never judged."
            )
            _train(folder, data, cell, progress)
    made = Refit(facts.id, folder, manifest.read(folder).digest, request.seeds)
    found = agreement_of(request.champion, made, request.test)
    if not found.plausible:
        raise ModelError(
            f"The refit is not used: it disagrees with {facts.id} on {found.disagreements:,} of {found.images:,} test "
            f"images. The true share is almost certainly above {100 * found.least:.2f} %, but the errors of two such "
            f"models explain at most {100 * found.most:.2f} %. Submit the champion itself, without --refit."
        )
    notify(
        f"The refit agrees with {facts.id} on all but {found.disagreements:,} of {found.images:,} test images; "
        f"the errors of two such models explain up to {100 * found.most:.2f} %. The champion was judged, the refit "
        "was not: the expected score is the champion's."
    )
    return made


def require_unseen(
    data: LabelledImages, test: UnlabelledImages, seeds: int, entry: Entry | None, champion: Version | None = None
) -> None:
    """Check that no labelled image, each of which a refit is fitted on, is among the images to predict.

    Args:
        data: The labelled images.
        test: The images to predict.
        seeds: The refit's models.
        entry: The competition that the predictions go to, if to one.
        champion: What is to be refitted; ``None`` where it is not trained yet.

    Raises:
        DataError: Some are.
    """
    leaked = digests.overlap(digests.image_digests(test.images), data.digests)
    if leaked:
        raise DataError(
            f"Not refitted: {leaked:,} of the {len(test.images):,} test images are among the labelled images of "
            f"{data.name}, so the score would be meaningless. {_instead(data, seeds, entry, champion)}"
        )


def _instead(data: LabelledImages, seeds: int, entry: Entry | None, champion: Version | None) -> str:
    """What to do where labelled images are among the test images."""
    if entry is None:
        return "Train on images without them."
    own = spec_of(entry.competition)
    if data.origin != own:
        return f"Train on images without them, such as the competition's own, `--dataset {own}`."
    anyway = submitter.command(entry, data.name, champion.id if champion else None, seeds, allow_leak=True)
    first = "" if champion else "run without --refit, then "
    return f"The competition's own training images hold them: {first}submit it all the same with `{anyway}`."


def remove_cut_off(home: Home) -> None:
    """Delete what refits left behind that were killed. The caller holds the home's lock.

    Raises:
        StoreError: The disk fails.
    """
    for folder in home.metric_results.glob(f"{FOLDER}/*/*/{STAGING}"):
        atomic.remove_tree(folder)


def predict(
    made: Refit,
    champion: Version,
    submission: Submission,
    test: UnlabelledImages,
    sample: SubmissionForm | None,
    *,
    probabilities: bool = False,
) -> Submission:
    """Replace the champion's submission by that of its refit; returns it under the champion's name.

    No labelled image is left to calibrate the refit on: it is made as sure of the test images as the champion.
    """
    application = Application(made)
    predicted = temperature.as_sure_as(application.predict(test), Application(champion).predict(test))
    written = application.run(test, submission.csv, sample, probabilities=probabilities, predicted=predicted)
    return replace(written, version_digest=submission.version_digest)


def agreement_of(champion: Version, made: Refit, test: UnlabelledImages) -> Agreement:
    """Return how well a refit agrees with its champion on the test images."""
    own, others = (Application(model).predict(test).argmax(axis=1) for model in (made, champion))
    judged = version_arrays.predictions(champion)
    errors = int((judged.probabilities.argmax(axis=1) != judged.labels).sum())
    return agreement(int((own != others).sum()), len(own), errors, len(judged.labels))


def _cell(facts: Manifest, data: LabelledImages, seeds: int) -> Cell:
    if facts.recipe not in (recipe.name for recipe in registry.RECIPES) and ":" not in facts.recipe:
        raise ModelError(f"{facts.id} is a {facts.recipe}, which is not trained: submit it without --refit.")
    rows = np.arange(len(data))
    seen = digests.set_digest(data.digests)
    split = Split(rows, rows[:0], rows[:0], facts.seed, seen, "", "")
    made = RefitFacts(champion=facts.id, champion_digest=facts.digest, seeds=seeds)
    parameters = _without_validation(facts)
    source = own.source_sha256(facts.recipe)
    identity = {"refit": made.as_json(), "parameters": parameters, "dataset": data.sha256}
    identity |= {"source": source} if source else {}
    digest = manifest.canonical_digest(identity)
    return Cell(facts.recipe, 0, split, parameters, digest, facts.rows.balance, refit=made)


def _without_validation(facts: Manifest) -> dict[str, Any]:
    """The champion's parameters; what was chosen on validation images, such as the length, is as it was for it."""
    known = registry.find(facts.recipe).defaults
    parameters = {name: value for name, value in facts.parameters.items() if name in known}
    if facts.test_shifts:
        parameters["test_shifts"] = mode(facts.test_shifts)
    length = next((name for name in LENGTHS if name in parameters), None)
    if parameters.get("patience") and facts.best_step and length:
        stop: Mapping[str, Any] = {length: facts.best_step, "patience": 0}
        return {**parameters, **stop}
    return parameters


def _train(folder: Path, data: LabelledImages, cell: Cell, progress: FitProgress) -> None:
    staging = folder.parent / STAGING
    atomic.remove_tree(staging)
    atomic.remove_tree(folder)
    candidate = Trainer(staging).run(data, cell, progress)
    atomic.publish_folder(candidate.folder, folder)
    atomic.remove_tree(staging)
