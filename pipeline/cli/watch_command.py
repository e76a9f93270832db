"""``watch``: take in what arrives in an inbox, and train when enough is new."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.common import ConfigOption, HomeOption, JsonOption, console, errors, notice, print_json
from pipeline.cli.ingest_command import LabellerOption, NewClassesOption, RatioOption, desk_of
from pipeline.cli.settings_options import notice_idle, settings_given, with_settings
from pipeline.errors import SettingsError
from pipeline.store.home import Home

if TYPE_CHECKING:
    from pipeline.config import Settings
    from pipeline.facts.watch_facts import WatchEvent
    from pipeline.growing.watch import Orders, Watch

OF_RUNS = ("models", "effort", "folds", "balance", "overrides", "cluster", "track", "submit")
"""The settings of a run that a watcher takes; dataset and size are always the newest snapshot, all of it."""
NEWS = "Notifications"
DRIFT = "Drift"
DRIFT_IMAGES = 200


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("watch", rich_help_panel="Data")(with_settings(watch, OF_RUNS))


EveryOption = Annotated[int, typer.Option(min=1, help="Number of new images that start a run.")]
PaceOption = Annotated[
    str | None, typer.Option(help="Maximum rate of runs, as in 1/h, 4/d or 1/30min.", show_default="any")
]
CommandOption = Annotated[
    str | None,
    typer.Option(
        help="Command to run on a promotion, a refusal, a refused batch, drift or trouble; it gets the event's name in "
        "PIPELINE_EVENT and the event as JSON on standard input.",
        rich_help_panel=NEWS,
    ),
]
WebhookOption = Annotated[
    str | None,
    typer.Option(help="URL to post the same JSON to.", envvar="PIPELINE_WEBHOOK", rich_help_panel=NEWS),
]
GateOption = Annotated[
    str | None,
    typer.Option(help="Preset of the gate: guarded, growing, cross-fit, each-test or as-good.", show_default="growing"),
]
DeleteOption = Annotated[
    bool, typer.Option("--delete", help="Delete files that were taken in, instead of moving them to done/.")
]
SettleOption = Annotated[
    float, typer.Option(min=0.1, max=86_400, help="Seconds without change after which a file is complete.")
]
OnDriftOption = Annotated[
    bool,
    typer.Option(
        "--on-drift",
        help="Monitor the predictions that `serve --log` keeps; after a drift alarm, send the most unusual images to "
        "review, and start a run once they are reviewed.",
        rich_help_panel=DRIFT,
    ),
]
DriftImagesOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=1_000,
        help="Number of images to review before that run.",
        show_default=str(DRIFT_IMAGES),
        rich_help_panel=DRIFT,
    ),
]
OnceOption = Annotated[
    bool, typer.Option("--once", help="Take in what is there, carry out the run if one is due, and exit (for cron).")
]
StatusOption = Annotated[bool, typer.Option("--status", help="Show what the watcher is doing and has done.")]


def watch(
    *,
    dataset: Annotated[str | None, typer.Option(help="Growing dataset; `ingest` starts one.")] = None,
    inbox: Annotated[Path | None, typer.Option(help="Folder that images arrive in.")] = None,
    every: EveryOption = 500,
    at_most: PaceOption = None,
    on_event: CommandOption = None,
    webhook: WebhookOption = None,
    gate: GateOption = None,
    new_classes: NewClassesOption = False,
    max_ratio: RatioOption = None,
    labelled_by: LabellerOption = "",
    delete: DeleteOption = False,
    settle: SettleOption = 5.0,
    on_drift: OnDriftOption = False,
    drift_images: DriftImagesOption = None,
    once: OnceOption = False,
    status: StatusOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    home: HomeOption = None,
    **of_runs: Any,
) -> None:
    """Take in whatever arrives in an inbox, and train on the whole dataset once enough images are new.

    Pictures go into a folder for each class; archives, tables and other folders are batches of their own. Files
    that were taken in move to done/, and refused ones to refused/, with the reasons next to them. Ctrl+C stops.
    """
    place = Home.find(home)
    if status:
        _show(place, dataset, as_json=as_json)
        return
    if dataset is None or inbox is None:
        raise SettingsError("Give the dataset with --dataset and the folder to watch with --inbox.")
    from pipeline.growing.ingest import Order
    from pipeline.growing.watch import Listeners, Orders, Pace

    order = Order((), dataset, new_classes=new_classes, max_ratio=max_ratio, labelled_by=labelled_by, jobs=_cores())
    orders = Orders(
        order=order,
        inbox=inbox.expanduser().resolve(),
        settings=_checked(config, settings_given({**of_runs, "gate": gate})),
        every=every,
        pace=Pace.of(at_most) if at_most is not None else None,
        delete=delete,
        listeners=Listeners.of(on_event, webhook),
        settle_seconds=settle,
        on_drift=_images_after(on_drift, drift_images),
    )
    _carry_out(place, orders, once=once)


def _carry_out(place: Home, orders: "Orders", *, once: bool) -> None:
    from pipeline.growing.watch import Watch
    from pipeline.store import watch_records

    if once and watch_records.is_watched(place, orders.order.dataset):
        console.print(f"{orders.order.dataset} is already being watched: there is nothing to do.")
        return
    watcher = Watch(place, orders, desk_of(place, None), _tell)
    with _stopping(watcher):
        if once:
            watcher.once()
        else:
            watcher.run()
    if once and watcher.failures:
        sys.exit(1)


def _images_after(on_drift: bool, images: int | None) -> int:
    if images is not None and not on_drift:
        raise SettingsError("--drift-images sets what --on-drift sends to review: give --on-drift as well.")
    return (images or DRIFT_IMAGES) if on_drift else 0


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _checked(config: Path | None, options: Mapping[str, Any]) -> "Settings":
    """The settings of the runs, judged with the preset `growing` unless another is set; checked before anything waits.

    Raises:
        PipelineError: A recipe, a parameter or a rule is unknown or impossible.
    """
    from pipeline.judging.policy import from_table
    from pipeline.planning.cells import recipes_of
    from pipeline.settings_file import read_settings

    settings = read_settings(config, options)
    notice_idle(settings, options, notice)
    growing = settings.model_copy(update={"gate": {"preset": "growing", **settings.gate}})
    from_table(growing.gate)
    recipes_of(growing)
    return growing


@contextmanager
def _stopping(watcher: "Watch") -> Iterator[None]:
    """End the watcher cleanly on Ctrl-C and SIGTERM; a second Ctrl-C ends it at once."""

    def stop(_number: int, _frame: object) -> None:
        watcher.stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(event: "WatchEvent") -> None:
    console.print(f"{event.at}  {event.kind.replace('_', ' ')}: {event.sentence}", soft_wrap=True)
    if event.problem:
        errors.print(f"Note: {event.problem}", soft_wrap=True)


def _show(place: Home, dataset: str | None, *, as_json: bool) -> None:
    from pipeline.reports.watching import in_words
    from pipeline.store import watch_records

    found = watch_records.watched(place) if dataset is None else [watch_records.watching(place, dataset)]
    known = [one for one in found if one is not None]
    if as_json:
        print_json([one.model_dump(mode="json") for one in known])
        return
    for one in known:
        for sentence in in_words(one):
            console.print(sentence, soft_wrap=True)
        for event in one.events:
            _tell(event)
    if not known:
        console.print("No dataset is watched: `simulator.py watch --dataset NAME --inbox FOLDER` starts it.")
