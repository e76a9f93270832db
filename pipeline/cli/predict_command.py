"""``predict``: predict unlabelled images with the champion or with another version."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from pipeline.cli.common import (
    VERSION_HELP,
    ChampionOption,
    HomeOption,
    JsonOption,
    console,
    dataset_name,
    notice,
    print_json,
)
from pipeline.cli.production_commands import champion_of
from pipeline.contracts import Deployment, Probabilities, UnlabelledImages, Version
from pipeline.errors import DataError, SettingsError
from pipeline.judging.words import counted
from pipeline.store.home import Home

if TYPE_CHECKING:
    from pipeline.application import Application
    from pipeline.facts.competition import SubmissionForm

FilesArgument = Annotated[
    list[Path],
    typer.Argument(metavar="FILE…", help="Kaggle's test.csv, IDX, .npz, a folder of images, or image files."),
]
VersionOption = Annotated[
    str | None, typer.Option(metavar="VERSION", help=f"Predict with this version: {VERSION_HELP}.")
]
TopOption = Annotated[
    int | None, typer.Option(min=1, metavar="K", help="Show the K most probable classes of each image.")
]
ProbabilitiesOption = Annotated[
    bool,
    typer.Option(
        "--probabilities",
        help="Show or write the probability of every class; with two classes and one column in the sample, that "
        "of the second.",
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Write a submission to this file, with the columns of the sample, or else ImageId,Label.",
        show_default="only for a CSV: submission.csv in metric_results/",
    ),
]
SampleOption = Annotated[
    Path | None,
    typer.Option(
        help="Kaggle's sample_submission.csv; the submission must match its format.",
        show_default="the one next to FILE, if there is one",
    ),
]


@dataclass(frozen=True)
class _Shown:
    """Which probabilities of an image are shown beside its class: the ``top`` highest, all, or none."""

    top: int | None
    every: bool

    def of(self, row: Probabilities, classes: Sequence[str]) -> dict[str, float]:
        """Return probabilities by class, those of one image ``[K]``."""
        order = range(len(classes)) if self.every else (-row).argsort(kind="stable")[: self.top or 0]
        return {classes[label]: round(float(row[label]), 6) for label in order}


@dataclass(frozen=True)
class _Answer:
    """The answer for one image: the file it came from, its id in that file, its class and its probabilities."""

    file: Path
    image: str
    place: str
    label: str
    probability: float
    others: dict[str, float]

    @property
    def facts(self) -> dict[str, Any]:
        """For other programs."""
        facts = {"file": str(self.file), "image": self.image, "class": self.label, "probability": self.probability}
        return facts | ({"probabilities": self.others} if self.others else {})


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("predict", rich_help_panel="Serve")(predict)


def predict(
    files: FilesArgument,
    version: VersionOption = None,
    top: TopOption = None,
    probabilities: ProbabilitiesOption = False,
    output: OutputOption = None,
    sample: SampleOption = None,
    dataset: ChampionOption = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Predict unlabelled images with the champion, or with another version.

    Pictures in sub-folders of a folder are predicted, too. A picture that cannot be read is named and left out, and
    the exit status is then 1; a submission must be complete, so it is not written.

    Warns if the images as a set are unlike those that the model was judged on.
    """
    import numpy as np

    from pipeline.application import Application, escape_notice
    from pipeline.data import unlabelled
    from pipeline.inspection import likeness

    place, shown = Home.find(home), _Shown(top, every=probabilities)
    writes = output is not None or sample is not None or any(file.suffix == ".csv" for file in files)
    _require_possible(files, shown, writes=writes)
    model = _model(place, version, dataset)
    application = Application(model)
    form, unreadable = _form(files[0], sample) if writes else None, list[str]()
    if writes:
        sets = {files[0]: unlabelled.load_asked(files[0], form, application.shape, notice, application.preparation)}
    else:
        sets = _readable(files, application, unreadable)
    predicted = {file: application.predict(images) for file, images in sets.items()}
    one_polarity = application.preparation.polarity != "any" and all(map(unlabelled.holds_pictures, sets))
    answers = np.concatenate(list(predicted.values()))
    if unlike := likeness.warning(place, model, answers, one_polarity=one_polarity):
        notice(unlike)
    if not writes:
        found = ((file, sets[file], predicted[file]) for file in files if file in sets)
        _print([one for each in found for one in _answers(*each, application.classes, shown)], as_json=as_json)
        _require_all_read(unreadable)
        return
    target = output or _default_file(place, model)
    made = application.run(sets[files[0]], target, form, probabilities=probabilities, predicted=predicted[files[0]])
    if as_json:
        print_json({"version": made.version_id, "images": made.rows, "file": str(made.csv)})
    else:
        console.print(f"{made.rows:,} predictions by {made.version_id}: {made.place}", markup=False, soft_wrap=True)
    if escaped := escape_notice(made):
        notice(escaped)


def _require_possible(files: Sequence[Path], shown: _Shown, *, writes: bool) -> None:
    if writes and len(files) > 1:
        raise SettingsError("A submission is made from one file: give one, or leave out --output and --sample.")
    if shown.every and shown.top is not None:
        raise SettingsError("--probabilities shows every class, and --top the most probable: give one of them.")
    if writes and shown.top is not None:
        raise SettingsError(
            "--top applies to printed predictions, and this writes a submission: give --probabilities instead."
        )


def _model(home: Home, version: str | None, dataset: str | None) -> Deployment | Version:
    """The champion, or the version that was asked for, verified.

    Raises:
        SettingsError: The version belongs to another dataset than the one that is named.
    """
    from pipeline.store import versions

    if version is None:
        return champion_of(home, dataset)
    named = dataset_name(home, dataset)
    found = versions.require_whole(versions.find(home, version, named))
    own = found.manifest.dataset.name
    if named not in (None, own):
        raise SettingsError(f"{found.id} is a version of '{own}', not of '{named}': leave out --dataset.")
    return found


def _form(file: Path, sample: Path | None) -> "SubmissionForm | None":
    """What the sample shows: the one that is given, or else the one next to the images."""
    from pipeline.data import sample_submission

    return sample_submission.read(sample) if sample else sample_submission.beside(file)


def _readable(files: Sequence[Path], application: "Application", unreadable: list[str]) -> dict[Path, UnlabelledImages]:
    """The images of each file; why something cannot be read is added to ``unreadable``.

    Raises:
        DataError: Nothing can be read.
    """
    from pipeline.data import unlabelled

    shape, preparation, read = application.shape, application.preparation, {}
    for file in files:
        try:
            read[file] = unlabelled.load(file, shape, notice, preparation, unreadable=unreadable.append)
        except DataError as error:
            unreadable.append(str(error))
    if not read:
        _name(unreadable[:-1])
        raise DataError(unreadable[-1])
    return read


def _require_all_read(unreadable: Sequence[str]) -> None:
    _name(unreadable)
    if unreadable:
        raise DataError(f"Not predicted: {counted(len(unreadable), 'file')} that cannot be read, named above.")


def _name(unreadable: Sequence[str]) -> None:
    for sentence in unreadable:
        notice(sentence)


def _default_file(home: Home, model: Deployment | Version) -> Path:
    """Where a submission goes; that of another version does not replace the champion's."""
    if isinstance(model, Deployment):
        return home.metric_results / model.dataset / "submission.csv"
    return home.metric_results / model.manifest.dataset.name / f"submission-{model.id}.csv"


def _answers(
    file: Path, images: UnlabelledImages, predicted: Probabilities, classes: Sequence[str], shown: _Shown
) -> list[_Answer]:
    return [
        _Answer(
            file,
            name,
            _place(file, name, numbered=images.numbered),
            classes[row.argmax()],
            round(float(row.max()), 6),
            shown.of(row, classes),
        )
        for name, row in zip(images.ids, predicted, strict=True)
    ]


def _place(file: Path, name: str, *, numbered: bool) -> str:
    """Where an image is: a picture's path, or a file and the image's number or id in it."""
    if file.is_dir():
        return str(file / name)
    if not numbered and file.name == name:
        return str(file)
    return f"{file} {name}"


def _print(answers: Sequence[_Answer], *, as_json: bool) -> None:
    if as_json:
        print_json([answer.facts for answer in answers])
        return
    width = max(len(answer.place) for answer in answers)
    for answer in answers:
        line = Text.assemble(f"{answer.place:<{width}}  ", (answer.label, "bold"), f"  {_percent(answer.probability)}")
        for label, value in answer.others.items():
            if label == answer.label:
                continue
            line.append(f"  {label}: {_percent(value)}", style="dim")
        console.print(line, soft_wrap=True)


def _percent(probability: float) -> str:
    return f"{100 * probability:.1f} %"
