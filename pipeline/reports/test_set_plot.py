"""Versions against test sets, as a picture: a row for each version, a column for each set."""

from typing import TYPE_CHECKING, Any

from pipeline.reports import style
from pipeline.reports.figures import count, drawn, figure, shortened

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 30


@drawn
def draw(results: "pd.DataFrame") -> Any:
    """Draw accuracies as numbers on a shade, darker where there are more mistakes; empty where nothing was measured.

    Args:
        results: ``test_sets.table``; the newest 30 versions are drawn.
    """
    import seaborn as sns

    kept = results["version"].drop_duplicates().sort_values(ascending=False)[:MOST_ROWS]
    sets = list(results["test_set"].drop_duplicates())
    grid = results[results["version"].isin(kept)].pivot_table(index="version", columns="test_set", values="accuracy")
    grid = grid.reindex(index=kept, columns=sets)
    facts = results.drop_duplicates("version").set_index("version").loc[kept]
    names = [
        f"{shortened(recipe)}, {count(size)}" for recipe, size in zip(facts["recipe"], facts["train_size"], strict=True)
    ]
    canvas = figure(2.2 + 1.25 * len(sets), 1.5 + 0.42 * len(kept))
    axes = canvas.subplots()
    sns.heatmap(
        1 - grid,
        annot=100 * grid,
        fmt=".2f",
        cmap=style.MISTAKES,
        vmin=0,
        vmax=max(0.2, float((1 - grid).max().max())),
        cbar=False,
        linewidths=0.6,
        linecolor=style.PAPER,
        annot_kws={"fontsize": style.TEXT_POINTS},
        ax=axes,
    )
    axes.set_yticklabels(names, rotation=0)
    axes.set_xticklabels([shortened(name).replace(", ", ",\n") for name in sets], rotation=0)
    axes.tick_params(length=0)
    axes.set(xlabel="", ylabel="recipe, training images")
    axes.set_title("Accuracy in per cent, version by test set")
    axes.set_facecolor(style.SHADE)
    axes.grid(False)
    return canvas
