# %% [markdown]
# # From handwritten digits to a model that can be trusted
#
# The whole story in one sitting: collect the images, look at them, decide who may see which, train three CNNs that
# grow step by step, judge them on images that none of them ever saw, predict, and see how accuracy grows with data.
# Every cell calls the project's own functions, so what you see here is what `simulator.py run` does.

# %%
import itertools
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import Image, Markdown, display

from pipeline.data import sources, splits, validation
from pipeline.data.roles import assign_roles
from pipeline.inference.predictor import OnnxPredictor
from pipeline.judging import metrics, paired
from pipeline.models import registry
from pipeline.models.fitting import FitRequest
from pipeline.reports import exploration, exploration_plots, html, learning_curves, plots, tables


def show(png, words):
    """A picture at two thirds of its pixels, so that it is sharp on a dense screen, and what it shows in words."""
    display(Image(png, width=html.picture_size(png)[0] * 2 // 3, alt=words))


# %% [markdown]
# ## Parameters
#
# Change them here, or run `simulator.py notebook --set train_size=60000`. The defaults take a few minutes on two
# cores; with all 60,000 images of MNIST the three CNNs reach 98.4, 99.2 and 99.3 %.

# %% tags=["parameters"]
dataset = "auto"
train_size = 6_000
test_size = 10_000
epochs = 0  # 0: as many as each recipe says
curve_sizes = "100,300,1000,3000"
curve_models = "cnn,xgboost"
explored = 10_000  # images that are compared with each other
seed = 0

# %% [markdown]
# ## 1. Collecting the data
#
# One option names the source: MNIST, Kaggle's `train.csv`, a folder of images, or, without data and network, the
# digits that scikit-learn carries. Nothing goes on before it is validated: shapes, types, ranges, labels, copies.

# %%
data = sources.load(dataset, notify=lambda sentence: display(Markdown(f"> {sentence}")))
report = validation.report(data)
display(Markdown(f"**{data.name}**: {len(data):,} images, from {data.source}"))
display(pd.Series(vars(report), name="validation report").to_frame())

# %% [markdown]
# ## 2. Looking at it
#
# Before any model: what do the images look like, are the classes even, where is the ink, and which labels are
# doubtful? `simulator.py explore` makes a page of it.

# %%
found = exploration.explore(data, seed=seed, most_compared=explored)
names = [data.classes[label] for label in data.labels[found.samples]]
show(exploration_plots.sheet(data.images[found.samples], names, "Random samples"), "random samples")

# %%
display(Markdown(found.balance.sentence))
show(exploration_plots.class_distribution(found.balance.counts, data.classes), "images of each class")
show(exploration_plots.class_means(data.images, data.labels, data.classes), "mean image and spread of each class")

# %%
rows, points = found.mapped
show(exploration_plots.embedding(points, data.labels[rows], data.classes), "a map of the images")

# %%
doubtful = found.suspects[:24]
questions = [f"{data.classes[data.labels[s.row]]}, or {data.classes[s.suggested]}?" for s in doubtful]
display(Markdown(found.doubts))
show(exploration_plots.sheet(data.images[[s.row for s in doubtful]], questions, "Doubtful labels"), "doubtful labels")

# %% [markdown]
# ## 3. Who may see which image
#
# Every image has one role for good. Training images are fitted; validation images decide when to stop; benchmark
# images judge, and no model ever learns from them. Only so does a figure mean what it says.

# %%
roles = assign_roles(data)
available = splits.sizes(data, roles)
train_size = min(train_size, available.train)
test_size = min(test_size, available.benchmark)
split = splits.plan(data, roles, train_size, test_size, seed)
sizes = {"training": len(split.train), "validation": len(split.validation), "benchmark": len(split.benchmark)}
display(pd.Series(sizes, name="images").to_frame())

benchmark_images, benchmark_labels = data.images[split.benchmark], data.labels[split.benchmark]


# %% [markdown]
# ## 4. Three CNNs, one step at a time
#
# 1. `cnn_baseline`: one convolution. Edges and strokes, then a dense layer.
# 2. `cnn_dropout`: a second convolution sees shapes made of strokes, and dropout keeps it from learning by heart.
# 3. `cnn_batchnorm`: batch normalisation steadies the training, and there is a wider dense layer.


# %%
def fit(recipe_name, split, overrides):
    """Train a recipe on a split; the model, how the fit went, and how many seconds it took."""
    recipe = registry.find(recipe_name)
    parameters = registry.parameters_of(recipe, overrides)
    model, _ = registry.create(recipe, parameters, shape=data.shape, n_classes=len(data.classes))
    started = time.perf_counter()
    request = FitRequest(
        data.images[split.train],
        data.labels[split.train],
        data.images[split.validation],
        data.labels[split.validation],
        seed,
    )
    history = model.fit(request)
    return model, history, time.perf_counter() - started


# %%
models, histories, rows = {}, {}, []
for name in ("cnn_baseline", "cnn_dropout", "cnn_batchnorm"):
    model, history, fit_seconds = fit(name, split, {"epochs": epochs} if epochs else {})
    last = history.rows[(history.best_step or len(history.rows)) - 1]
    models[name], histories[name] = model, history
    rows.append({"recipe": name, "weights": model.weights, "epochs": len(history.rows), "fit_seconds": fit_seconds})
    rows[-1] |= {"validation accuracy": last.get("validation_accuracy")}
display(pd.DataFrame(rows).set_index("recipe").round(4))

# %%
for name, history in histories.items():
    display(Markdown(f"### {name}"))
    show(
        plots.training_history(history.rows, history.best_step), f"how loss and accuracy went while {name} was trained"
    )

# %% [markdown]
# ## 5. Evaluation
#
# Now the benchmark, for the first time. An accuracy without an interval is half a figure: the interval says how far
# luck alone could have moved it.

# %%
probabilities = {name: model.predict(benchmark_images) for name, model in models.items()}
scores = {name: metrics.score(found, benchmark_labels, data.classes) for name, found in probabilities.items()}
summary = {
    name: {
        "accuracy": score.accuracy.value,
        "low": score.accuracy.low,
        "high": score.accuracy.high,
        "errors": score.errors,
        "F1": score.f1.weighted,
        "log loss": score.log_loss,
        "calibration error": score.calibration_error,
    }
    for name, score in scores.items()
}
display(pd.DataFrame(summary).T.round(4))

# %% [markdown]
# Is a later one really better than the one before, or lucky? Both saw the same images, so only those on which they
# disagree can tell (McNemar's exact test). This is the question that the gate asks of every challenger.

# %%
for before, after in itertools.pairwise(models):
    right_before, right_after = (paired.right(probabilities[name], benchmark_labels) for name in (before, after))
    fixed, made = int((right_after & ~right_before).sum()), int((right_before & ~right_after).sum())
    p_value = float(paired.p_better(fixed, made))
    words = f"`{after}` fixes {fixed} errors of `{before}` and makes {made} new ones: {paired.in_words(p_value)}"
    display(Markdown(words))

# %%
best = max(models, key=lambda name: scores[name].accuracy.value)
display(Markdown(f"### The best of the three: `{best}`"))
show(plots.confusion_matrix(scores[best].confusion, data.classes), "confusion matrix")
show(plots.calibration(scores[best].calibration), "calibration")

# %%
predicted = probabilities[best].argmax(axis=1)
wrong = np.flatnonzero(predicted != benchmark_labels)
wrong = wrong[np.argsort(-probabilities[best].max(axis=1)[wrong], kind="stable")][:24]
captions = [f"{data.classes[benchmark_labels[row]]}, not {data.classes[predicted[row]]}" for row in wrong]
show(
    exploration_plots.sheet(benchmark_images[wrong], captions, "The mistakes it is surest of"),
    "the mistakes it is surest of",
)

# %% [markdown]
# ## 6. Prediction
#
# What serves is one ONNX file with the preprocessing inside. It is exported, proven equal to the model it came from,
# and then predicts without TensorFlow.

# %%
with tempfile.TemporaryDirectory() as folder:
    models[best].export_onnx(Path(folder) / "model.onnx")
    predictor = OnnxPredictor(Path(folder) / "model.onnx")
    served = predictor.predict(benchmark_images)
difference = float(np.abs(served - probabilities[best]).max())
changed = int((served.argmax(axis=1) != predicted).sum())
display(Markdown(f"{changed} labels changed; probabilities differ by at most {difference:.1e}."))

# %%
shown = np.random.default_rng(seed).choice(len(benchmark_images), min(24, len(benchmark_images)), replace=False)
captions = [f"{data.classes[served[row].argmax()]} ({served[row].max():.0%})" for row in shown]
show(
    exploration_plots.sheet(benchmark_images[shown], captions, "Predictions, and how sure it is"),
    "predictions, and how sure it is",
)

# %% [markdown]
# ## 7. The learning curve
#
# How much better does it get with more images, and which family needs fewer? Sizes nest: a smaller set is part of
# every larger one.

# %%
curve_rows = []
for text, recipe in itertools.product(curve_sizes.split(","), curve_models.split(",")):
    size = min(int(text), available.train)
    smaller = splits.plan(data, roles, size, test_size, seed)
    model, _, fit_seconds = fit(recipe, smaller, {})
    parameters = tables.parameters_text(registry.find(recipe).defaults)
    found = metrics.score(model.predict(benchmark_images), benchmark_labels, data.classes)
    curve_rows.append(
        {
            "cell": f"{recipe}-{size}",
            "dataset": data.name,
            "recipe": recipe,
            "parameters": parameters,
            "train_size": size,
            "repeat": 0,
            "seed": seed,
            "fit_seconds": fit_seconds,
            "benchmark_images": len(benchmark_labels),
            "accuracy": found.accuracy.value,
            "errors": found.errors,
            "log_loss": found.log_loss,
            "benchmark_sha256": split.benchmark_sha256,
        }
    )
curve = tables.learning_curve_table(tables.results_table([]), pd.DataFrame(curve_rows).drop_duplicates("cell"))
display(curve[["recipe", "train_size", "accuracy", "error", "fit_seconds"]].round(4))

# %%
show(learning_curves.learning_curve(curve), "error against training images")
show(learning_curves.learning_curve_seconds(curve), "seconds against training images")

# %% [markdown]
# ## What is next
#
# `simulator.py run` does all of this for growing sizes, keeps every version with its report, and lets a challenger
# replace the champion only if it is proven better. `simulator.py serve` lets you draw a digit and ask the champion.
