"""The checks that read nothing of the benchmark: how the challenger was made, and its validation images.

They cost nothing. Whatever they refuse was never compared, so they cannot make a false promotion more likely.
"""

from collections.abc import Callable

import numpy as np

from pipeline.contracts import Check
from pipeline.facts.manifest_facts import LARGEST_DIFFERENCE
from pipeline.judging import metrics, paired
from pipeline.judging.evidence import Contender, Evidence
from pipeline.judging.rules import rule
from pipeline.judging.words import counted, passed


def usable(evidence: Evidence) -> Check:
    """Check that every class has benchmark images, and every prediction that is needed exists and is possible."""
    title = "predictions are usable"
    reason = evidence.problem or _problem(evidence)
    if reason:
        return Check("predictions_usable", title, "error", None, None, reason)
    return Check("predictions_usable", title, "pass", None, None, "Every model gave probabilities for every image.")


@rule(
    None,
    looks_at="making",
    burden="as measured",
    why="The exported file is what is judged and served, and the two models can be compared exactly.",
    words="The exported model equals the native one.",
)
def onnx_parity(evidence: Evidence) -> Check | None:
    """Check that the exported file, which is what is judged and served, equals the native model."""
    if evidence.provenance is None:
        return None
    parity, name, title = evidence.provenance.parity, "onnx_parity", "the exported model equals the native one"
    difference = parity.max_difference
    if parity.images <= 0 or not np.isfinite(difference):
        return Check(name, title, "error", None, LARGEST_DIFFERENCE, "The exported model was never compared.")
    equal = parity.labels_changed == 0 and difference <= LARGEST_DIFFERENCE
    sentence = (
        f"{parity.labels_changed} of {parity.images:,} labels differ, probabilities by at most {difference:.1e} "
        f"(at most {LARGEST_DIFFERENCE:g})."
    )
    return Check(name, title, passed(equal), difference, LARGEST_DIFFERENCE, sentence)


@rule(
    None,
    looks_at="making",
    burden="as measured",
    why="Images are compared by digest, which is exact.",
    words="No training image is among the benchmark images.",
    words_in_folds="Every image is answered by the member that was not trained on it.",
)
def no_shared_image(evidence: Evidence) -> Check | None:
    """Check by digest that the challenger was trained with no benchmark image."""
    if evidence.provenance is None:
        return None
    if evidence.out_of_fold:
        return _answered_out_of_fold(evidence)
    name, title, shared = "no_training_image", "no training image in the benchmark", evidence.provenance.shared_images
    if shared is None:
        return Check(name, title, "error", None, 0, "There is no record of the images the challenger was trained with.")
    found = "None" if shared == 0 else f"{shared:,}"
    verb = "were" if shared > 1 else "was"
    sentence = f"{found} of the {len(evidence.labels):,} benchmark images {verb} among the training images."
    return Check(name, title, passed(shared == 0), shared, 0, sentence)


@rule(
    "near_copy_alpha",
    looks_at="making",
    burden="not proven bad",
    why="Images of one class resemble each other, so some near copies are there by chance.",
    words="No more near copies of training images in the benchmark than chance explains (p {:g}).",
)
def near_copies(evidence: Evidence, level: float) -> Check | None:
    """Check that the benchmark holds no more near copies of fitted images than the validation images do."""
    found = evidence.near_copies
    if found is None:
        return None
    title = "no near copies of training images in the benchmark beyond chance"
    shown, limit = paired.against_limit(found.p_value, level)
    sentence = f"{found.found:,} of the {len(evidence.labels):,} benchmark images nearly equal a training image"
    if found.found == 0:
        sentence = "No benchmark image nearly equals a training image."
    elif found.reference == 0:
        sentence += "; without validation images it is not known how many are so by chance."
    else:
        sentence += (
            f", {found.expected:.3g} were expected from the validation images: {shown}, refused at {limit} or less."
        )
    return Check("near_copies", title, passed(found.p_value > level), found.p_value, level, sentence)


@rule(
    None,
    looks_at="making",
    burden="as measured",
    why="Sets of images are compared by digest, which is exact.",
    words="All models are scored on the same images, in this judgement.",
)
def same_benchmark(evidence: Evidence) -> Check | None:
    """Check that all who are compared were scored on this very set of images."""
    if evidence.champion is None:
        return None
    strangers = [
        c.id for c in (evidence.challenger, *evidence.others) if c.benchmark_sha256 != evidence.benchmark_sha256
    ]
    sentence = f"Scored on other images: {', '.join(strangers)}." if strangers else "All scored on identical images."
    return Check("same_benchmark", "same benchmark for both", "error" if strangers else "pass", None, None, sentence)


@rule(
    None,
    looks_at="making",
    burden="as measured",
    why="Models are compared by digest, which is exact.",
    words="The champion is never compared with itself.",
)
def not_the_champion(evidence: Evidence) -> Check | None:
    """Check that a model is not compared with itself."""
    if evidence.champion is None:
        return None
    itself = evidence.champion.digest == evidence.challenger.digest
    sentence = "This is the champion itself." if itself else "The challenger is a different model from the champion."
    return Check("not_the_champion", "not the champion itself", passed(not itself), None, None, sentence)


@rule(
    "latency_ratio",
    looks_at="making",
    burden="as measured",
    why="It limits a cost that was measured directly, and measuring it again is cheap.",
    words="Median milliseconds of one prediction at most {:g} times the champion's.",
)
def latency(evidence: Evidence, ratio: float) -> Check | None:
    """Check that one prediction takes at most ``ratio`` times the champion's milliseconds."""
    return _budget("latency", "ms per prediction", evidence, lambda model: model.latency_ms, ratio)


@rule(
    "size_ratio",
    looks_at="making",
    burden="as measured",
    why="The size of a file is exact.",
    words="Model size at most {:g} times the champion's.",
)
def size(evidence: Evidence, ratio: float) -> Check | None:
    """Check that the model is at most ``ratio`` times the champion's size."""
    return _budget("size", "bytes", evidence, lambda model: model.model_bytes, ratio)


@rule(
    "screen_alpha",
    looks_at="validation",
    burden="not proven bad",
    why="It only keeps hopeless comparisons from using up the budget; the benchmark decides.",
    words="Not proven worse than the champion on validation images (p {:g}); this costs nothing.",
)
def screen(evidence: Evidence, level: float) -> Check | None:
    """Check that on validation images, which cost nothing, the challenger is not proven worse than the champion."""
    champion = evidence.champion
    if champion is None:
        return None
    name, title = "validation_screen", "not proven worse on validation images"
    if len(evidence.validation_labels) == 0:
        return Check(name, title, "error", None, level, "There are no validation images to screen on.")
    fixed, made = validation_counts(evidence)
    p = float(paired.p_better(made, fixed))
    shown, limit = paired.against_limit(p, level)
    images = counted(len(evidence.validation_labels), "validation image")
    found = f"On {images} it fixed {counted(fixed, 'error')} and made {made:,}: {shown} for being no worse"
    if p > level:
        return Check(name, title, "pass", p, level, f"{found}, refused at {limit} or less.")
    sentence = (
        f"{found}, refused at {limit} or less. So it was not compared with the champion on the benchmark, "
        "and nothing was spent; its own benchmark figures are recorded."
    )
    return Check(name, title, "fail", p, level, sentence)


def validation_counts(evidence: Evidence) -> tuple[int, int]:
    """Return how many of the champion's errors on validation images the challenger fixed, and how many it made."""
    if evidence.champion is None:
        return 0, 0
    mine = paired.right(evidence.challenger.validation, evidence.validation_labels)
    theirs = paired.right(evidence.champion.validation, evidence.validation_labels)
    return int((mine & ~theirs).sum()), int((theirs & ~mine).sum())


def _answered_out_of_fold(evidence: Evidence) -> Check:
    sentence = (
        f"The benchmark is in the folds: each of the {len(evidence.labels):,} images is answered by a member that was "
        "not trained on it, or by a champion that never saw it."
    )
    return Check("no_training_image", "every answer by a member that never saw the image", "pass", 0, 0, sentence)


def _problem(evidence: Evidence) -> str | None:
    images = np.bincount(evidence.labels, minlength=len(evidence.classes))
    if len(evidence.labels) and (images == 0).any():
        return f"The benchmark has no image of: {', '.join(np.array(evidence.classes)[images == 0])}."
    for contender in (evidence.challenger, *evidence.others):
        reason = metrics.problem(contender.benchmark, evidence.labels, len(evidence.classes))
        if reason:
            return f"{contender.id} on the benchmark: {reason}"
        compared = contender is evidence.challenger or contender is evidence.champion
        reason = metrics.problem(contender.validation, evidence.validation_labels, len(evidence.classes))
        if compared and len(evidence.validation_labels) > 0 and reason:
            return f"{contender.id} on validation images: {reason}"
    return None


def _budget(
    name: str, unit: str, evidence: Evidence, cost_of: Callable[[Contender], float | None], ratio: float
) -> Check | None:
    if evidence.champion is None:
        return None
    mine, theirs = cost_of(evidence.challenger), cost_of(evidence.champion)
    title = f"{name} at most {ratio:g} times the champion's"
    if mine is None or theirs is None or not (np.isfinite(mine) and np.isfinite(theirs)) or theirs <= 0:
        return Check(f"{name}_budget", title, "error", None, ratio, f"The {name} of one model was not measured.")
    sentence = f"{mine:,.4g} {unit} against {theirs:,.4g}."
    return Check(f"{name}_budget", title, passed(mine <= ratio * theirs), mine / theirs, ratio, sentence)
