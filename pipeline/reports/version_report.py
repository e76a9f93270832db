"""The report of one version: ``report.html``, one file that needs nothing else, and the plots beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.contracts import Labels, Probabilities, Verdict
from pipeline.facts.manifest_facts import Manifest
from pipeline.facts.score_facts import Scores
from pipeline.judging import robustness, standings
from pipeline.reports import galleries, html, version_facts
from pipeline.reports.figures import HANDFUL
from pipeline.reports.formats import percent
from pipeline.reports.navigation import ALONE, Navigation
from pipeline.stored_images import ImageSource

MOST_MISTAKES = 24
MOST_ON_A_PHONE = 12
"""Classes whose confusion matrix can be read on a phone as a whole."""

HISTORY_CAPTION = (
    "Loss and accuracy while it was trained. The losses are those that training sees, with label smoothing where there "
    "is any and before calibration, so the step kept need not have the lowest."
)


@dataclass(frozen=True, eq=False)
class ReportInputs:
    """Everything a version's report is made of.

    Attributes:
        manifest, scores: ``manifest.json`` and ``scores.json`` as mappings; scores may be empty.
        verdict: The decision.
        history: The rows of ``history.csv``; none where the family has no history.
        probabilities: On the benchmark rows, ``[N, K]``; ``None`` where the model could not predict.
        labels: The truth, ``[N]``.
        champion_probabilities: The champion's on the same rows, or ``None``.
        images: The benchmark images, uint8 ``[N, H, W, C]``, in the order of ``labels``; ``None`` shows no pictures.
        best_step: The step of the history whose weights were kept.
        champion_corrupted: The champion's accuracy by corruption, on the same images; ``None`` where not known.
        near_copies: Benchmark images beside training images that they nearly equal.
        near_copies_found: How many there are of them; no more than some are shown.
        explain: Tells on which parts of an image an answer hangs; ``None`` where the served model did not give it.
    """

    manifest: Manifest
    scores: Scores
    verdict: Verdict
    history: Sequence[Mapping[str, float]] = ()
    probabilities: Probabilities | None = None
    labels: Labels | None = None
    champion_probabilities: Probabilities | None = None
    images: ImageSource | None = None
    best_step: int | None = None
    champion_corrupted: Mapping[str, float] | None = None
    near_copies: tuple[galleries.Tile, ...] = ()
    near_copies_found: int = 0
    explain: galleries.Explain | None = None


def plots(inputs: ReportInputs) -> dict[str, bytes]:
    """Return the plots that can be drawn from these inputs, as PNG bytes by name: the content of ``plots/``."""
    from pipeline.reports import plots as draw

    scores, drawn = inputs.scores, {}
    if scores.confusion:
        drawn["confusion"] = draw.confusion_matrix(scores.confusion, inputs.manifest.dataset.classes)
    if scores.calibration:
        drawn["calibration"] = draw.calibration(scores.calibration)
    clean = scores.accuracy.value
    if scores.robustness and clean is not None:
        drawn["robustness"] = draw.robustness(scores.robustness.by_corruption, clean, inputs.champion_corrupted)
    # A single step is a point, not a course.
    history = draw.training_history(inputs.history, inputs.best_step) if len(inputs.history) > 1 else None
    return drawn if history is None else drawn | {"history": history}


def render(inputs: ReportInputs, drawn: Mapping[str, bytes] | None = None, *, navigation: Navigation = ALONE) -> str:
    """Render the whole report as HTML: the verdict first, then the evidence, with pictures inside.

    Args:
        inputs: What it is made of; whatever is missing has no section.
        drawn: What ``plots`` returned, where it was called already.
        navigation: Where its header leads.
    """
    manifest, scores, verdict = inputs.manifest, inputs.scores, inputs.verdict
    rail_start, per_class = version_facts.per_class(scores)
    pictures = _pictures(inputs, plots(inputs) if drawn is None else drawn)
    shown, comparison = _mistakes(inputs), _comparison(inputs)
    return html.render(
        "version.html",
        navigation=navigation,
        id=verdict.candidate_id,
        manifest=manifest,
        scores=scores,
        verdict=verdict,
        standing=standings.of_verdict(verdict),
        headline=version_facts.headline(verdict),
        opponent=version_facts.opponent(verdict),
        tiles=version_facts.tiles(manifest, scores),
        figures=version_facts.figures(scores),
        per_class=per_class,
        rail_start=rail_start,
        pictures=pictures,
        mistakes=shown,
        explained=inputs.explain is not None,
        mistake_sentence=_mistake_sentence(scores, len(shown)),
        comparison=comparison,
        near_copies=inputs.near_copies,
        near_copies_found=inputs.near_copies_found,
        contents=_contents(inputs, pictures, shown, comparison),
        training_sentence=version_facts.training_sentence(manifest),
        tables=version_facts.training_tables(manifest),
    )


def _pictures(inputs: ReportInputs, drawn: Mapping[str, bytes]) -> dict[str, html.Picture]:
    words = {
        "confusion": (
            "Confusion matrix: the same counts are in the table of classes.",
            "Truth in rows, prediction in columns; mistakes are off the diagonal.",
        ),
        "calibration": (
            "Calibration plot: share of right answers against confidence.",
            "How often it is right at each confidence. On the dashed line, exactly as often as it claims. "
            f"Pale points are of fewer than {HANDFUL} images.",
        ),
        "robustness": (_robustness_alt(inputs), _robustness_caption(inputs)),
        "history": (_history_alt(inputs.history), HISTORY_CAPTION),
    }
    wide = {"history", *(["confusion"] if len(inputs.manifest.dataset.classes) > MOST_ON_A_PHONE else [])}
    return {name: html.Picture(png, *words[name], wide=name in wide) for name, png in drawn.items()}


def _robustness_alt(inputs: ReportInputs) -> str:
    def listed(by_corruption: Mapping[str, float]) -> str:
        return ", ".join(f"{name.replace('_', ' ')} {percent(value, 1)}" for name, value in by_corruption.items())

    own = inputs.scores.robustness.by_corruption if inputs.scores.robustness else {}
    champion = f" The champion: {listed(inputs.champion_corrupted)}." if inputs.champion_corrupted else ""
    return f"Accuracy on corrupted copies: {listed(own)}.{champion}"


def _robustness_caption(inputs: ReportInputs) -> str:
    champion = " Diamonds are the champion." if inputs.champion_corrupted else ""
    images = inputs.scores.images
    return (
        f"Accuracy that remains when {robustness.images_of(images):,} of the benchmark's {images:,} images are "
        f"corrupted; clean is the accuracy on all {images:,}.{champion}"
    )


def _history_alt(history: Sequence[Mapping[str, float]]) -> str:
    last = history[-1] if history else {}
    found = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in last.items() if name != "step")
    return f"Training history over {len(history)} steps; at the end {found}."


def _mistakes(inputs: ReportInputs) -> tuple[galleries.Tile, ...]:
    if inputs.images is None or inputs.probabilities is None or inputs.labels is None:
        return ()
    classes = inputs.manifest.dataset.classes
    shown = inputs.images, inputs.labels, inputs.probabilities
    return galleries.mistakes(*shown, classes, MOST_MISTAKES, explain=inputs.explain)


def _mistake_sentence(scores: Scores, shown: int) -> str:
    if scores.errors is not None and scores.errors <= shown:
        return "All of its mistakes, most confident first; some have labels that a person would doubt, too."
    return "The mistakes it is most confident of; some have labels that a person would doubt, too."


def _comparison(inputs: ReportInputs) -> galleries.MistakeComparison | None:
    champion = inputs.champion_probabilities
    if champion is None or inputs.images is None or inputs.probabilities is None or inputs.labels is None:
        return None
    classes = inputs.manifest.dataset.classes
    return galleries.comparison(inputs.images, inputs.labels, inputs.probabilities, champion, classes)


def _contents(
    inputs: ReportInputs, pictures: Mapping[str, Any], mistakes: Sequence[Any], comparison: object
) -> list[tuple[str, str]]:
    sections = [
        ("verdict", "Verdict", True),
        ("figures", "Figures", True),
        ("classes", "Class by class", bool(inputs.scores.per_class)),
        ("mistakes", "Mistakes", bool(mistakes)),
        ("champion", "Against the champion", comparison is not None),
        ("near-copies", "Near copies", bool(inputs.near_copies)),
        ("trust", "Trust", bool({"calibration", "robustness"} & set(pictures))),
        ("training", "Training", True),
    ]
    return [(id, title) for id, title, there in sections if there]
