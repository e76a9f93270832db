# %% [markdown]
# # From handwritten digits to a model that can be trusted
#
# The whole story in one sitting: collect the images, look at them, decide who may see which, train three CNNs that
# grow step by step, judge them on images that none of them ever saw, predict, and compare deep learning with boosted
# trees as the data grows. The project's own functions do all of it, so what you see here is what `simulator.py run`
# does, and no figure is typed in: each is computed when the notebook runs.

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
from pipeline.judging import metrics, paired, robustness
from pipeline.models import registry
from pipeline.models.fitting import FitRequest
from pipeline.reports import exploration, exploration_plots, html, learning_curves, plots, tables
from pipeline.reports.formats import percent
from pipeline.trainer import library_versions

LEVEL = 0.05  # a p-value below this counts as proof


def show(png, words):
    """A picture at two thirds of its pixels, so that it is sharp on a dense screen, and what it shows in words."""
    display(Image(png, width=html.picture_size(png)[0] * 2 // 3, alt=words))


# %% [markdown]
# ## Parameters
#
# Sizes, epochs and models can be set on the command line: `simulator.py notebook --set train_size=60000`. The defaults
# take a few minutes on two cores. A size that is larger than the dataset means all of it.

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
source, _, _ = data.source.partition(" in ")  # without the folder
display(Markdown(f"**{data.name}**: {len(data):,} images, from {source}"))
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
display(pd.DataFrame.from_dict(summary, orient="index").round(4))

# %% [markdown]
# Is a later one really better than the one before, or lucky? Both saw the same images, so only those on which they
# disagree can tell (McNemar's exact test). This is the question that the gate asks of every challenger.


# %%
def compared(right_before, right_after):
    """How many errors one model fixes of another's and makes anew, and the p-value of its being better."""
    fixed, made = int((right_after & ~right_before).sum()), int((right_before & ~right_after).sum())
    return fixed, made, float(paired.p_better(fixed, made))


for before, after in itertools.pairwise(models):
    fixed, made, p_value = compared(*(paired.right(probabilities[name], benchmark_labels) for name in (before, after)))
    is_worse = paired.p_better(made, fixed) < LEVEL
    verdict = "proven better" if p_value < LEVEL else "proven worse" if is_worse else "not proven better"
    words = f"`{after}` fixes {fixed} errors of `{before}` and makes {made} new ones, so it is {verdict}"
    display(Markdown(f"- {words} ({paired.in_words(p_value)})."))

# %%
best = max(models, key=lambda name: scores[name].accuracy.value)
first, trained = next(iter(models)), pd.DataFrame(rows).set_index("recipe")
display(Markdown(f"### The best of the three: `{best}`"))
told = [
    f"`{best}` has the fewest errors on the {len(benchmark_labels):,} benchmark images: {scores[best].errors}, an "
    f"accuracy of {percent(scores[best].accuracy.value)} (95 % interval {percent(scores[best].accuracy.low)} to "
    f"{percent(scores[best].accuracy.high)})."
]
if best != first:
    told.append(
        f"`{first}`, the simplest, has {scores[first].errors}. Compared with it, `{best}` has "
        f"{trained.weights[best] / trained.weights[first]:.2g} times as many weights and took "
        f"{trained.fit_seconds[best] / trained.fit_seconds[first]:.2g} times as long to train."
    )
display(Markdown(" ".join(told)))
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
# ## 7. Deep learning against boosted trees
#
# A convolutional network is built for pictures: it slides the same small filters over all places, so a stroke that it
# has learned in one corner is known in all others. Boosted trees (`xgboost`) add up hundreds of small decision trees;
# they are the usual choice for tables, where columns have no neighbours, and here they get features of the image
# instead of bare pixels. Which of them is better, does it depend on how many images there are, and what does it cost?
# Sizes nest: a smaller set is part of every larger one, and all are judged on the same benchmark.

# %%
curve_rows, right = [], {}
for text, recipe in itertools.product(curve_sizes.split(","), curve_models.split(",")):
    size = min(int(text), available.train)
    smaller = splits.plan(data, roles, size, test_size, seed)
    model, _, fit_seconds = fit(recipe, smaller, {})
    parameters = tables.parameters_text(registry.find(recipe).defaults)
    answers = model.predict(benchmark_images)
    found, right[recipe, size] = (
        metrics.score(answers, benchmark_labels, data.classes),
        paired.right(answers, benchmark_labels),
    )
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
# ### Findings
#
# Two models are compared on the same images at each size, as above. The tests are exact; that there are several of
# them is not corrected for.


# %%
def accuracy(recipe, size):
    return float(right[recipe, size].mean())


sizes = sorted({size for _, size in right})
recipes = list(dict.fromkeys(recipe for recipe, _ in right))
ahead = max(recipes, key=lambda recipe: accuracy(recipe, sizes[-1]))
for behind in (recipe for recipe in recipes if recipe != ahead):
    lines = []
    for size in sizes:
        fixed, made, p_value = compared(right[behind, size], right[ahead, size])
        lines.append({"images": size, ahead: accuracy(ahead, size), behind: accuracy(behind, size)})
        lines[-1] |= {"fixed": fixed, "new errors": made, "McNemar": p_value}
    table = pd.DataFrame(lines).set_index("images")
    display(table.style.format({ahead: "{:.2%}", behind: "{:.2%}", "McNemar": paired.in_words}))
    better, proven = int((table[ahead] > table[behind]).sum()), int((table["McNemar"] < LEVEL).sum())
    enough = next((size for size in sizes if accuracy(ahead, size) >= accuracy(behind, sizes[-1])), sizes[-1])
    gained = accuracy(ahead, sizes[-1]) - accuracy(behind, sizes[-1])
    both = int((~right[ahead, sizes[-1]] & ~right[behind, sizes[-1]]).sum())
    left = int((~right[behind, sizes[-1]]).sum())
    seconds = curve.groupby(["recipe", "train_size"]).fit_seconds.mean()
    told = [
        f"`{ahead}` is more accurate than `{behind}` at {better} of {len(sizes)} sizes, proven at {proven}.",
        f"The gap at {sizes[0]:,} images is {100 * (accuracy(ahead, sizes[0]) - accuracy(behind, sizes[0])):.2f} "
        f"points, at {sizes[-1]:,} images {100 * gained:.2f}.",
        f"With {sizes[-1]:,} images `{ahead}` took {seconds[ahead, sizes[-1]]:.1f} s to train and `{behind}` "
        f"{seconds[behind, sizes[-1]]:.1f} s, on this machine.",
        f"Of the {left} errors that `{behind}` makes with {sizes[-1]:,} images, `{ahead}` makes {both} too: these are "
        "hard for both.",
    ]
    if enough < sizes[-1]:
        told.append(f"`{ahead}` needs {enough:,} images for what `{behind}` reaches with {sizes[-1]:,}.")
    display(Markdown("\n".join(f"- {sentence}" for sentence in told)))

# %% [markdown]
# ## 8. Known limitations
#
# - **The accuracy holds for images like those of the benchmark.** The table below is about copies that are spoiled in
#   various ways (after MNIST-C): people would still read most of them. If your images come from another pen or a
#   camera, measure on them.
# - **Each model was trained once.** Another seed gives another accuracy. The intervals and tests cover which images
#   happen to be in the benchmark, not the luck of a training.
# - **A model answers with one of its classes, whatever it is shown.** A letter is taken for the digit that it
#   resembles.
# - **The labels are people's.** Some are doubtful (section 2), in the benchmark too, so a perfect accuracy is neither
#   possible nor meaningful.
# - **The benchmark is public and old.** Recipes were invented by people who knew it, and so were these. A difference
#   of a few errors between two published models says little.

# %%
few = robustness.subset(data.digests[split.benchmark])
spoiled = {
    name: float((predictor.predict(copy).argmax(axis=1) == benchmark_labels[few]).mean())
    for name, copy in robustness.corrupted(benchmark_images[few])
}
plain = float((served[few].argmax(axis=1) == benchmark_labels[few]).mean())
worst = min(spoiled, key=spoiled.get)
display(pd.Series({"as they are": plain, **spoiled}, name="accuracy").sort_values().to_frame().style.format("{:.1%}"))
display(
    Markdown(
        f"On {len(few):,} benchmark images `{best}` is right on {percent(plain)}; on their copies "
        f"{percent(float(np.mean(list(spoiled.values()))))} on average, and {percent(spoiled[worst])} at worst "
        f"({worst.replace('_', ' ')})."
    )
)

# %% [markdown]
# ## 9. Future work
#
# - **Several seeds a size** would give the learning curve a band: `simulator.py run --repeats 5`.
# - **A class for "none of these"**, trained on letters and scribbles, instead of a doubt that is found afterwards.
# - **More kinds of writing.** Images from production, reviewed by people, widen what the accuracy holds for; the
#   pipeline has the path for it (`ingest`, `review`, `watch`).
# - **Unlabelled images.** They are plentiful and unused here: pretraining on them may help where labels are few.
# - **Larger pictures.** Beyond a few hundred pixels a side, a pretrained network is the better start.
#
# What exists already: `simulator.py run` does all of this for growing sizes, keeps every version with its report, and
# lets a challenger replace the champion only if it is proven better. `simulator.py serve` lets you draw a digit and ask
# the champion.

# %% [markdown]
# ## 10. Libraries
#
# TensorFlow with Keras trains the networks and XGBoost the trees; scikit-learn has the classic models, the map and the
# neighbours; onnxruntime predicts; NumPy and pandas hold the numbers; matplotlib draws. This was run with:

# %%
display(pd.Series(library_versions(), name="version").to_frame())

# %% [markdown]
# ## 11. References
#
# - Y. LeCun, L. Bottou, Y. Bengio, P. Haffner (1998). Gradient-based learning applied to document recognition.
#   *Proceedings of the IEEE* 86(11). The dataset, and convolutional networks for it.
# - N. Srivastava and others (2014). Dropout: a simple way to prevent neural networks from overfitting. *JMLR* 15.
# - S. Ioffe, C. Szegedy (2015). Batch normalization: accelerating deep network training by reducing internal covariate
#   shift. *ICML*.
# - D. P. Kingma, J. Ba (2015). Adam: a method for stochastic optimization. *ICLR*.
# - T. Chen, C. Guestrin (2016). XGBoost: a scalable tree boosting system. *KDD*.
# - L. van der Maaten, G. Hinton (2008). Visualizing data using t-SNE. *JMLR* 9. The map.
# - C. J. Clopper, E. S. Pearson (1934). The use of confidence or fiducial limits illustrated in the case of the
#   binomial. *Biometrika* 26. The intervals.
# - Q. McNemar (1947). Note on the sampling error of the difference between correlated proportions or percentages.
#   *Psychometrika* 12. The paired test.
# - C. Guo, G. Pleiss, Y. Sun, K. Weinberger (2017). On calibration of modern neural networks. *ICML*.
# - N. Mu, J. Gilmer (2019). MNIST-C: a robustness benchmark for computer vision. *arXiv* 1906.02337.
