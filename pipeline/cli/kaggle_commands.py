"""``kaggle download``, ``kaggle submit``, ``kaggle status``."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.common import (
    VERSION_HELP,
    ChampionOption,
    HomeOption,
    JsonOption,
    console,
    dataset_name,
    if_requested,
    notice,
    print_json,
    saying_if_stopped,
)
from pipeline.cli.production_commands import champion_of
from pipeline.cli.settings_options import settings_option
from pipeline.errors import DataError, SettingsError
from pipeline.facts.competition import DEFAULT_COMPETITION, CompetitionChoices, name_in, option
from pipeline.store.home import Home

if TYPE_CHECKING:
    from pipeline.contracts import Refit, Submission, UnlabelledImages, Version
    from pipeline.orchestration.refitting import RefitRequest
    from pipeline.publishing.entry import Entry
    from pipeline.services.calls import Patience

app = typer.Typer(
    help="Kaggle: download a competition's files, submit predictions, follow the score.", no_args_is_help=True
)

BEST = "best"
CompetitionOption = Annotated[str, typer.Option(help="Name of the competition, or its web address.", callback=name_in)]
RefitOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=100,
        help="Submit the version's recipe fitted on all labelled images, the benchmark included, with this many seeds "
        "averaged.",
        show_default="off",
    ),
]
VersionOption = Annotated[
    str | None,
    typer.Option(
        help=f"The version: {VERSION_HELP}; 'best' takes the best expected score that has not been sent yet.",
        show_default="the champion",
    ),
]
LeakOption = Annotated[
    bool,
    typer.Option("--allow-leak", help="Submit even if the version was trained on test images; the submission says so."),
]
ResendOption = Annotated[
    bool,
    typer.Option(
        "--resend",
        help="Send a file again that Kaggle has, could not score, or may have from an attempt of unknown outcome; with "
        "--version best, choose also from what Kaggle could not score.",
    ),
]
LimitOption = Annotated[float, typer.Option(min=1, help="Seconds to wait for Kaggle.")]
ShapeOption = Annotated[str | None, settings_option("shape")]
MetricOption = Annotated[str | None, settings_option("metric")]
ProbabilitiesOption = Annotated[bool | None, settings_option("probabilities")]
TestImagesOption = Annotated[
    Path | None,
    typer.Option(
        help="Your own test images: a CSV, an .npz, IDX or a folder; a sample_submission.csv next to them is used.",
        show_default="those of the competition",
    ),
]


def register(parent: typer.Typer) -> None:
    """Add the commands to the command line."""
    parent.add_typer(app, name="kaggle", rich_help_panel="Services")


@app.command("download")
def download(
    competition: CompetitionOption = DEFAULT_COMPETITION,
    shape: ShapeOption = None,
    force: Annotated[bool, typer.Option("--force", help="Download files again even if they exist.")] = False,
    time_limit: LimitOption = 1800,
    home: HomeOption = None,
) -> None:
    """Download a competition's files, unpack and check them, and keep them in the home folder."""
    from pipeline.config import shape_of
    from pipeline.publishing import competition_files
    from pipeline.services.calls import Patience
    from pipeline.store import competitions

    place, patience = Home.find(home), Patience(limit_seconds=time_limit)
    chosen = CompetitionChoices(shape=shape_of(shape))
    files = competition_files.download(place, competition, patience, notice, force=force)
    competitions.remember(place, competition, chosen, notice)
    for file in files:
        rows = "pictures" if file.rows is None else f"{file.rows:,} rows"
        how = "fetched" if file.fetched else "there already"
        console.print(f"{file.path}: {rows}, {how}", markup=False)


@app.command("submit")
def submit(
    version: VersionOption = None,
    dataset: ChampionOption = None,
    competition: CompetitionOption = DEFAULT_COMPETITION,
    test_images: TestImagesOption = None,
    metric: MetricOption = None,
    probabilities: ProbabilitiesOption = None,
    allow_leak: LeakOption = False,
    resend: ResendOption = False,
    refit: RefitOption = None,
    data_dir: Annotated[Path | None, settings_option("data_dir")] = None,
    time_limit: LimitOption = 600,
    home: HomeOption = None,
) -> None:
    """Predict the test images, show the expected score, submit once, and wait for the public score."""
    from pipeline.application import escape_notice
    from pipeline.orchestration import refitting
    from pipeline.publishing import best, submitter
    from pipeline.publishing import entry as entries
    from pipeline.services.calls import Patience

    if version == BEST and refit is not None:
        raise SettingsError("--refit takes a version by name, so leave out --version best, or --refit.")
    place = Home.find(home)
    choices = CompetitionChoices(metric=metric, probabilities=probabilities)
    entry = entries.enter(place, competition, choices, notice, test_images=test_images, all_files=test_images is None)
    patience = Patience(limit_seconds=time_limit)
    with saying_if_stopped(f"Stopped. {if_requested(competition)}"):
        if version == BEST:
            _submit_best(place, entry, dataset, patience, resend=resend)
            return
        chosen, test, entry = _named(place, entry, version, dataset)
        if version is None and (better := best.better_than(place, entry, test, chosen.id)):
            notice(better)
        if refit is not None:
            submitter.require_allowance(place, entry, chosen, refit, patience)
        submission = best.predict(place, chosen, entry, test)
        made = None
        if refit is not None:
            wanted = refitting.RefitRequest(chosen, refit, test, allow_leak, entry)
            made, submission = _refitted(place, wanted, submission, entry, data_dir)
        if escaped := escape_notice(submission):
            notice(escaped)
        request = submitter.Request(chosen, submission, test, entry, allow_leak, resend, made)
        with _reports_up_to_date(place), console.status("Working …"):
            record = submitter.submit(place, request, patience, notice)
        console.print(submitter.outcome_sentence(record), markup=False)


def _named(
    home: Home, entry: "Entry", version: str | None, dataset: str | None
) -> "tuple[Version, UnlabelledImages, Entry]":
    """The version that is asked for, or the champion, the test images, and the competition with what fits them."""
    from pipeline.application import Application
    from pipeline.publishing import entry as entries
    from pipeline.store import production, versions

    own = _own_dataset(entry.competition)
    served = dataset or (own if own in production.datasets(home) else None)
    name = _champion(home, entry.competition, served) if version is None else version
    chosen = versions.require_whole(versions.find(home, name, dataset_name(home, served)))
    application = Application(chosen)
    entry = entries.accepted(home, entry, application.classes, notice)
    return chosen, entries.load_test_images(entry, application.shape, application.preparation, notice), entry


def _champion(home: Home, competition: str, dataset: str | None) -> str:
    """The id of the champion; without a dataset, of the only one that serves, if the competition's own has nothing."""
    from pipeline.store import production, versions

    if dataset is not None:
        return champion_of(home, dataset).id
    manifests = [version.known_manifest for version in versions.list_versions(home)]
    trained, own = {facts.dataset.name for facts in manifests if facts}, _own_dataset(competition)
    if own in trained or (trained and not production.datasets(home)):
        whose = f" of '{own}'" if own in trained else ""
        raise DataError(
            f"No version{whose} has passed the gate yet, so there is no champion to submit: `simulator.py kaggle submit"
            f"{option(competition)} --version {BEST}` submits the version with the best expected score all the same."
        )
    found = champion_of(home, None)
    notice(f"There is no version of the dataset '{own}': {found.id}, the champion of '{found.dataset}', is taken.")
    return found.id


def _submit_best(home: Home, entry: "Entry", dataset: str | None, patience: "Patience", *, resend: bool) -> None:
    """Submit the version with the best expected score, if there is one, and print what came of it."""
    from pipeline.data.preparation import recorded_in
    from pipeline.publishing import best, submitter
    from pipeline.publishing import entry as entries

    facts = best.dataset_of(home, dataset_name(home, dataset), _own_dataset(entry.competition))
    entry = entries.accepted(home, entry, facts.classes, notice)
    test = entries.load_test_images(entry, facts.shape, recorded_in(facts), notice)
    with _reports_up_to_date(home), console.status("Working …"):
        sent = best.submit(
            home, entry, test, facts.name, submitter.submit, patience=patience, notify=notice, resend=resend
        )
    if sent is not None:
        console.print(submitter.outcome_sentence(sent[1]), markup=False)


def _refitted(
    home: Home, request: "RefitRequest", submission: "Submission", entry: "Entry", data_dir: Path | None
) -> "tuple[Refit, Submission]":
    """Refit a version on its dataset as it is now, and replace its submission."""
    from pipeline.orchestration import judge_stored, refitting
    from pipeline.settings_file import read_settings

    settings = read_settings(None, {"data_dir": data_dir})
    data = judge_stored.load_now(settings, home, judge_stored.Wanted(), [request.champion], notice)
    made = refitting.refit(home, request, data, notice)
    written = refitting.predict(
        made, request.champion, submission, request.test, entry.sample, probabilities=entry.probabilities
    )
    return made, written


@app.command("status")
def status(
    competition: CompetitionOption = DEFAULT_COMPETITION,
    time_limit: LimitOption = 120,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Show all submissions with their current scores, and look again for those of unknown outcome."""
    from dataclasses import asdict

    from pipeline.cli import submission_table
    from pipeline.publishing import delivery
    from pipeline.reports import submission_comparison
    from pipeline.services.calls import Patience
    from pipeline.store.submissions import UNCERTAIN

    place = Home.find(home)
    place.competition(competition)  # refuses what no competition is called
    with _reports_up_to_date(place):
        records = delivery.refresh(place, competition, Patience(limit_seconds=time_limit), notice)
    if as_json:
        print_json([asdict(record) for record in records])
        return
    if not records:
        console.print(_nothing_submitted(place, competition), markup=False)
        return
    submission_table.show(console, records)
    if compared := submission_comparison.in_words(records):
        console.print(compared, markup=False)
    for record in records:
        if record.status in UNCERTAIN:
            notice(delivery.unknown_sentence(record))


def _nothing_submitted(home: Home, competition: str) -> str:
    """What to do about a competition to which nothing has been submitted.

    Raises:
        SettingsError: Nothing of it is here, and it is not the default: its name may be misspelt.
    """
    from pipeline.store import competitions, production, submissions, versions

    known = {*competitions.names(home), *(one.competition for one in submissions.read(home))}
    is_here = competitions.folder(home, competition) is not None
    nothing = f"Nothing has been submitted to {competition} yet"
    if not is_here and competition not in {DEFAULT_COMPETITION, *known}:
        raise SettingsError(
            f"Nothing was ever downloaded from or submitted to {competition} here: --competition takes "
            f"{', '.join(sorted({DEFAULT_COMPETITION, *known}))}, or `simulator.py kaggle download --competition "
            f"{competition}` gets its files."
        )
    if not is_here and competition not in known and known:
        return f"{nothing}; --competition NAME shows another: {', '.join(sorted(known))}."
    if is_here and versions.folders(home):
        which = option(competition) + ("" if production.datasets(home) else f" --version {BEST}")
        return f"{nothing}: `simulator.py kaggle submit{which}` does."
    return f"{nothing}: `simulator.py run --competition {competition} --submit` does."


def _own_dataset(competition: str) -> str:
    """The name of the dataset of a competition's own images."""
    from pipeline.data.validation import slug

    return "kaggle" if competition == DEFAULT_COMPETITION else slug(competition)


@contextmanager
def _reports_up_to_date(home: Home) -> Iterator[None]:
    """Rebuild workbook and overview if what happens inside changes a record, also where it ends in an error."""
    from pipeline.inspection import reporting
    from pipeline.store import lock, submissions

    before = submissions.read(home)
    try:
        yield
    finally:
        if submissions.read(home) != before:
            with lock.writing(home, wait=True, notify=notice):
                reporting.publish(home)
