"""Every judged version as a row, and the learning curve as a row per recipe and size."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pipeline.contracts import Version
from pipeline.facts.score_facts import Scores
from pipeline.judging import standings
from pipeline.judging.scalar_figures import FIGURES

if TYPE_CHECKING:
    import pandas as pd

RESULTS_COLUMNS = (
    "version",
    "created_at",
    "dataset",
    "recipe",
    "parameters",
    "automatic",
    "family",
    "train_size",
    "fitted_images",
    "validation_images",
    "seed",
    "fit_seconds",
    "benchmark_images",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "errors",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "f1_weighted",
    *FIGURES,
    "latency_ms",
    "model_bytes",
    "outcome",
    "standing",
    "judged_at",
    "judgements",
    "policy",
    "champion",
    "gain_pp",
    "p_value",
    "benchmark_sha256",
    "digest",
    "snapshot",
    "folds",
)
GROWING = "growing"
"""Stands for the digest of a benchmark that grew with its dataset: all of them make one line."""
BENCHMARK = ("dataset", "benchmark_sha256")
LINE = (*BENCHMARK, "recipe", "settings")
"""What identifies a line of the learning curve; its points are training sizes."""
_POINT = (*LINE, "train_size")
_SAME_RUN = (*BENCHMARK, "recipe", "parameters", "folds", "train_size", "seed")
_RUN = (*_SAME_RUN, "benchmark_images", "accuracy", "fit_seconds")


def results_table(versions: Iterable[Version]) -> "pd.DataFrame":
    """Return a row per judged version with the columns of ``results.csv``, oldest first; ``damaged`` lists the rest.

    ``automatic`` says what parameters became that were left to the program; it is empty where none was.
    ``gain_pp`` (percentage points of accuracy over the champion, on the same images) and ``p_value`` are empty
    where the two were not compared, ``snapshot`` (``letters@7``) where the dataset does not grow, and ``folds`` where
    the version is not cross-fitted.
    """
    import pandas as pd

    whole = [version for version in versions if version.damage is None]
    rows = [_result(version) for version in sorted(whole, key=lambda version: version.id)]
    return pd.DataFrame(rows, columns=list(RESULTS_COLUMNS))


def damaged(versions: Iterable[Version]) -> tuple[str, ...]:
    """Return a sentence for each version that has no row because its files are damaged."""
    return tuple(f"{version.id} is left out: {version.damage}" for version in versions if version.damage is not None)


def learning_curve_table(results: "pd.DataFrame", repeats: "pd.DataFrame | None" = None) -> "pd.DataFrame":
    """Return mean and band over runs: a row per dataset, benchmark, recipe, settings and training size.

    A run is one seed; where a seed was trained more than once at a size, its newest judged version counts. A
    version whose model could not be scored has no accuracy and no place here. ``settings`` keeps runs of one recipe
    with different parameters apart: those parameters that differ on this benchmark, and folds, as in ``effort=quick
    folds=3``; it is empty where none does. The versions of a dataset that grows make one line, whose benchmark grew
    with it: its ``benchmark_sha256`` is ``GROWING``, and ``benchmark_images`` are those of each point.
    ``*_min`` and ``*_max`` are the worst and the best run, which needs no assumption and is defined for a single
    run too; ``accuracy_std`` is the sample standard deviation, empty for a single run.

    Args:
        results: ``results_table``'s columns.
        repeats: ``repeats.csv``: runs of a sweep that were measured but never judged.
    """
    runs = _runs(results, repeats)
    grouped = runs.assign(settings=_settings(runs)).groupby(list(_POINT), sort=True)
    curve = grouped.agg(
        benchmark_images=("benchmark_images", "max"),
        runs=("seed", "size"),
        accuracy=("accuracy", "mean"),
        accuracy_std=("accuracy", "std"),
        accuracy_min=("accuracy", "min"),
        accuracy_max=("accuracy", "max"),
        fit_seconds=("fit_seconds", "mean"),
        fit_seconds_min=("fit_seconds", "min"),
        fit_seconds_max=("fit_seconds", "max"),
    ).reset_index()
    curve.insert(len(BENCHMARK), "benchmark_images", curve.pop("benchmark_images"))
    curve.insert(curve.columns.get_loc("fit_seconds"), "error", 1.0 - curve["accuracy"])
    return curve


def half_an_error(curve: "pd.DataFrame") -> "pd.Series[float]":
    """Return the error rate of half a mistake at each point: it is drawn for none, as logarithmic axes have no zero.

    Args:
        curve: ``learning_curve_table``.
    """
    return 0.5 / curve["benchmark_images"].clip(lower=1)


def parameters_text(parameters: Mapping[str, Any]) -> str:
    """Return parameters as JSON: equal parameters give equal texts."""
    return json.dumps(parameters, sort_keys=True, ensure_ascii=False)


def line_label(recipe: str, settings: str) -> str:
    """Return the name of a line: ``cnn effort=quick``."""
    return f"{recipe} {settings}".rstrip()


def curve_2018() -> "pd.DataFrame":
    """Return the learning curve of the 2018 pipeline: ``recipe, train_images, test_images, accuracy, seconds``."""
    from importlib.resources import files

    import pandas as pd

    with (files("pipeline.reports") / "curve_2018.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)


def _runs(results: "pd.DataFrame", repeats: "pd.DataFrame | None") -> "pd.DataFrame":
    import pandas as pd

    tables = [table.reindex(columns=list(_RUN)) for table in (repeats, results) if table is not None and len(table)]
    if not tables:
        return pd.DataFrame({name: pd.Series(dtype=object if name in _POINT else float) for name in _RUN})
    runs = pd.concat(tables, ignore_index=True).dropna(subset=["accuracy"])
    runs.loc[runs["dataset"].isin(_growing(results)), "benchmark_sha256"] = GROWING
    return runs.drop_duplicates(list(_SAME_RUN), keep="last")


def _growing(results: "pd.DataFrame") -> set[str]:
    """The datasets of which a snapshot was trained on."""
    if "snapshot" not in results:
        return set()
    return set(results.loc[results["snapshot"].fillna("") != "", "dataset"])


def _settings(runs: "pd.DataFrame") -> "pd.Index[str]":
    """The parameters of each run that not all runs of its recipe on its benchmark share."""
    texts: dict[Any, str] = {}
    of_runs = zip(runs["parameters"], runs["folds"].fillna(0), strict=True)
    runs = runs.assign(parameters=[_with_folds(parameters, int(folds)) for parameters, folds in of_runs])
    for _, alike in runs.groupby([*BENCHMARK, "recipe"], sort=False):
        known = {text: json.loads(text) for text in alike["parameters"].unique()}
        shared = set.intersection(*(set(map(str, parameters.items())) for parameters in known.values()))
        of_text = {
            text: " ".join(f"{name}={value}" for name, value in parameters.items() if str((name, value)) not in shared)
            for text, parameters in known.items()
        }
        texts |= {index: of_text[text] for index, text in alike["parameters"].items()}
    return runs.index.map(texts).astype(object)


def _with_folds(parameters: str, folds: int) -> str:
    return parameters_text({**json.loads(parameters), "folds": folds}) if folds else parameters


def _result(version: Version) -> dict[str, Any]:
    manifest, scores, verdict = version.manifest, version.scores, version.verdict
    return {
        "version": version.id,
        "created_at": manifest.created_at,
        "dataset": manifest.dataset.name,
        "recipe": manifest.recipe,
        "parameters": parameters_text(manifest.parameters),
        "automatic": parameters_text(manifest.became) if manifest.became else "",
        "family": manifest.family,
        "train_size": manifest.rows.train_size,
        "fitted_images": manifest.rows.train,
        "validation_images": manifest.rows.validation,
        "seed": manifest.seed,
        "fit_seconds": manifest.timings.fit_seconds,
        **_figures(scores),
        "outcome": verdict.outcome,
        "standing": standings.of_version(version),
        "judged_at": verdict.judged_at,
        "judgements": len(version.verdicts),
        "policy": verdict.policy,
        "champion": verdict.champion_id,
        "gain_pp": verdict.comparison.gain_pp if verdict.comparison else None,
        "p_value": verdict.comparison.p_value if verdict.comparison else None,
        "benchmark_sha256": scores.benchmark_sha256,
        "digest": manifest.digest,
        "snapshot": manifest.dataset.snapshot,
        "folds": manifest.folds,
    }


def _figures(scores: Scores) -> dict[str, Any]:
    return {
        "benchmark_images": scores.images,
        "accuracy": scores.accuracy.value,
        "accuracy_low": scores.accuracy.low,
        "accuracy_high": scores.accuracy.high,
        "errors": scores.errors,
        "precision_macro": scores.precision.macro,
        "recall_macro": scores.recall.macro,
        "f1_macro": scores.f1.macro,
        "f1_weighted": scores.f1.weighted,
        **{name: scores.figure(name) for name in FIGURES},
        "latency_ms": scores.latency_ms.single_p50 if scores.latency_ms else None,
        "model_bytes": scores.model_bytes,
    }
