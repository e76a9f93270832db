"""``kaggle download``, ``kaggle submit``, ``kaggle status``."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.common import ChampionOption, HomeOption, JsonOption, console, notice, print_json
from pipeline.cli.settings_options import settings_option
from pipeline.errors import StoreError
from pipeline.store.home import Home

if TYPE_CHECKING:
    from rich.table import Table

    from pipeline.contracts import Refit, Submission
    from pipeline.facts.submission import SubmissionRecord
    from pipeline.orchestration.refitting import RefitRequest

app = typer.Typer(
    help="Kaggle: download a competition's files, submit predictions, follow the score.", no_args_is_help=True
)

CompetitionOption = Annotated[str, typer.Option(help="Name of the competition, as in its web address.")]
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
LimitOption = Annotated[float, typer.Option(min=1, help="Seconds to wait for Kaggle.")]


def register(parent: typer.Typer) -> None:
    """Add the commands to the command line."""
    parent.add_typer(app, name="kaggle", rich_help_panel="Services")


@app.command("download")
def download(
    competition: CompetitionOption = "digit-recognizer",
    force: Annotated[bool, typer.Option("--force", help="Download files again even if they exist.")] = False,
    time_limit: LimitOption = 1800,
    home: HomeOption = None,
) -> None:
    """Download and check train.csv, test.csv and sample_submission.csv, and keep them in the home folder."""
    from pipeline.publishing import competition_files
    from pipeline.services.calls import Patience

    patience = Patience(limit_seconds=time_limit)
    for file in competition_files.download(Home.find(home), competition, patience, notice, force=force):
        how = "fetched" if file.fetched else "there already"
        console.print(f"{file.path}: {file.rows:,} rows, {how}", markup=False)


@app.command("submit")
def submit(
    version: Annotated[
        str | None, typer.Option(help="The version's id, or a part of it.", show_default="the champion")
    ] = None,
    dataset: ChampionOption = None,
    competition: CompetitionOption = "digit-recognizer",
    allow_leak: Annotated[
        bool,
        typer.Option(
            "--allow-leak", help="Submit even if the version was trained on test images; the submission says so."
        ),
    ] = False,
    resend: Annotated[
        bool,
        typer.Option(
            "--resend", help="Send again even if an earlier attempt of unknown outcome may have reached Kaggle."
        ),
    ] = False,
    refit: RefitOption = None,
    data_dir: Annotated[Path | None, settings_option("data_dir")] = None,
    time_limit: LimitOption = 600,
    home: HomeOption = None,
) -> None:
    """Predict test.csv, show the expected score, submit once, and wait for the public score."""
    from pipeline.application import Application, escape_notice
    from pipeline.data import unlabelled
    from pipeline.orchestration import refitting
    from pipeline.publishing import submitter
    from pipeline.services.calls import Patience
    from pipeline.store import versions

    place = Home.find(home)
    chosen = versions.require_whole(versions.find(place, version or _champion(place, dataset)))
    folder = place.competition(competition)
    test_csv, sample = folder / "test.csv", folder / "sample_submission.csv"
    if not test_csv.exists():
        raise StoreError(f"{test_csv} is missing: fetch it with `simulator.py kaggle download` or put it there.")
    application = Application(chosen)
    test = unlabelled.load(test_csv, application.shape, notice, application.preparation)
    ids = unlabelled.sample_ids(sample) if sample.exists() else None
    submission = application.run(test, place.metric_results / "kaggle" / competition / "submission.csv", ids)
    made = None
    if refit is not None:
        made, submission = _refitted(
            place, refitting.RefitRequest(chosen, refit, test, allow_leak), submission, data_dir
        )
    if escaped := escape_notice(submission):
        notice(escaped)
    request = submitter.Request(chosen, submission, test, competition, allow_leak, resend, made)
    with _reports_up_to_date(place), console.status("Working …"):
        record = submitter.submit(place, request, Patience(limit_seconds=time_limit), notice)
    console.print(submitter.outcome_sentence(record), markup=False)


def _refitted(
    home: Home, request: "RefitRequest", submission: "Submission", data_dir: Path | None
) -> "tuple[Refit, Submission]":
    """Refit a version on its dataset as it is now, and replace its submission."""
    from pipeline.config import read_settings
    from pipeline.orchestration import judge_stored, refitting

    settings = read_settings(None, {"data_dir": data_dir})
    data = judge_stored.load_now(settings, home, judge_stored.Wanted(), [request.champion], notice)
    made = refitting.refit(home, request, data, notice)
    return made, refitting.predict(made, submission, request.test)


@app.command("status")
def status(
    competition: CompetitionOption = "digit-recognizer",
    time_limit: LimitOption = 120,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Show all submissions with their current scores, and look again for those of unknown outcome."""
    from dataclasses import asdict

    from pipeline.publishing import delivery
    from pipeline.services.calls import Patience
    from pipeline.store.submissions import UNCERTAIN

    place = Home.find(home)
    with _reports_up_to_date(place):
        records = delivery.refresh(place, competition, Patience(limit_seconds=time_limit))
    if as_json:
        print_json([asdict(record) for record in records])
        return
    if not records:
        console.print(f"Nothing has been submitted to {competition} yet: submit with `simulator.py kaggle submit`.")
        return
    console.print(_table(records))
    for record in records:
        if record.status in UNCERTAIN:
            notice(delivery.unknown_sentence(record))


def _table(records: "list[SubmissionRecord]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    from pipeline.publishing.submitter import LEAK_WORDS, REFIT_WORDS

    table = Table("when", "version", "reference", "status", "expected", "public score", "note")
    for record in records:
        expected = f"{100 * record.expected_score:.2f} %"
        score = "" if record.public_score is None else f"{100 * record.public_score:.3f} %"
        note = LEAK_WORDS if record.leak else record.reason or (REFIT_WORDS if REFIT_WORDS in record.message else "")
        facts = (record.submitted_at, record.version, str(record.reference or ""), record.status, expected, score, note)
        table.add_row(*map(Text, facts))
    return table


def _champion(home: Home, dataset: str | None) -> str:
    from pipeline.cli.production_commands import champion_of

    return champion_of(home, dataset).id


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
