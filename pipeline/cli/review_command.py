"""``review``: review the images in quarantine in the terminal."""

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.common import HomeOption, JsonOption, console, notice, print_json, saying_if_stopped
from pipeline.errors import DataError, SettingsError
from pipeline.store.home import Home

if TYPE_CHECKING:
    from pipeline.cli.keyboard import Keyboard
    from pipeline.growing.quarantine import Opinion
    from pipeline.growing.review import Question, ReviewQueue

MOST_OPINIONS = 3
"""Number of classes shown for each opinion."""


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("review", rich_help_panel="Data")(review)


def review(
    dataset: Annotated[str, typer.Option(help="Dataset whose images to review.")],
    reviewer: Annotated[
        str | None, typer.Option(help="Your name; it is stored with each label.", show_default="the user's name")
    ] = None,
    doubts: Annotated[
        bool,
        typer.Option(
            "--doubts", help="First set aside stored images whose label an out-of-fold prediction contradicts."
        ),
    ] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Fail at once if another process is writing.")] = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Review the images in quarantine, with one key for each.

    Decisions are kept as they are made, and become the dataset's next snapshot when you quit. The page /review of
    `serve` does the same. --json only prints how many images wait, and why.
    """
    from pipeline.cli import keyboard
    from pipeline.growing import label_doubts
    from pipeline.growing import review as reviewing
    from pipeline.growing.review import ReviewQueue

    if doubts and as_json:
        raise SettingsError("--json only prints, and --doubts sets images aside: give only one of them.")
    place = Home.find(home)
    if doubts:
        found = label_doubts.search(place, dataset, wait=not no_wait, notify=notice)
        for sentence in found.in_words():
            notice(sentence)
    if as_json:
        print_json(dict(reviewing.counts(place, dataset)))
        return
    queue = ReviewQueue(place, dataset)
    name = reviewer or _user()
    stopped = "Stopped. Decisions are kept but not stored yet: the next review stores them, or undoes them with u."
    with saying_if_stopped(stopped), keyboard.opened() as keys:
        _ask(queue, name, keys)
    _store(place, queue, wait=not no_wait)


def _ask(queue: "ReviewQueue", reviewer: str, keys: "Keyboard") -> None:
    from pipeline.growing.review_order import QUIT, UNDO

    queue.refresh()
    console.print(_explained(queue), markup=False)
    question = queue.next(reviewer)
    while question is not None:
        _show(question, queue, reviewer)
        key = keys.key()
        if key in {None, QUIT}:
            return
        try:
            if key == UNDO:
                question = _undone(queue, reviewer)
                continue
            _decide(queue, question, str(key), reviewer, keys)
        except DataError as error:
            notice(str(error))
        question = queue.next(reviewer)
    console.print("Nothing is left to review.")


def _undone(queue: "ReviewQueue", reviewer: str) -> "Question":
    question = queue.undo(reviewer)
    if question is None:
        raise DataError("There is nothing to undo: stored decisions stay.")
    return question


def _decide(queue: "ReviewQueue", question: "Question", key: str, reviewer: str, keys: "Keyboard") -> None:
    from pipeline.growing.review_order import DISCARD, NAME, SKIP

    classes = queue.keys
    if key == SKIP:
        queue.decide(question.digest, "skip", None, reviewer)
    elif key == DISCARD:
        queue.decide(question.digest, "discard", None, reviewer)
    elif key == NAME:
        console.print("Class: ", end="")
        queue.decide(question.digest, "label", keys.line(), reviewer)
    elif key in classes:
        queue.decide(question.digest, "label", classes[key], reviewer)
        console.print(f"→ {classes[key]}", markup=False)
    else:
        raise DataError(f"The key '{key}' does nothing here.")


def _show(question: "Question", queue: "ReviewQueue", reviewer: str) -> None:
    from pipeline.cli.half_blocks import drawn

    far = queue.progress(reviewer)
    console.print(f"\n{far.left:,} left, {far.decided:,} decided", style="bold", markup=False)
    console.print(drawn(question.png, console.width, coloured=console.color_system is not None), end="")
    if question.blind:
        console.print("Blind review: models may be judged on this image, so you see only the picture.")
        return
    label = f"Labelled {question.label}." if question.label is not None else "It has no label."
    console.print(label, markup=False)
    for opinion in question.opinions:
        console.print(_in_words(opinion), markup=False)
    if question.reason:
        console.print(question.reason, style="dim", markup=False)
    if question.twin:
        console.print("The benchmark image:")
        console.print(drawn(question.twin, console.width, coloured=console.color_system is not None), end="")


def _in_words(opinion: "Opinion") -> str:
    pairs = list(zip(opinion.classes, opinion.probabilities, strict=True))[:MOST_OPINIONS]
    return f"{opinion.version}: " + ", ".join(f"{name} {100 * share:.1f} %" for name, share in pairs)


def _explained(queue: "ReviewQueue") -> str:
    from pipeline.growing.review_order import DISCARD, NAME, QUIT, SKIP, UNDO

    named = [key if key == name else f"{key} {name}" for key, name in queue.keys.items()]
    own = f"{SKIP} skip, {UNDO} undo, {DISCARD} discard, {QUIT} store and quit, {NAME} then type a class's name"
    return f"Keys: {', '.join(named)}; {own}."


def _store(place: Home, queue: "ReviewQueue", *, wait: bool) -> None:
    from pipeline.growing import review_batch

    done = review_batch.store(place, queue.snapshot.name, wait=wait, notify=notice)
    for sentence in done.in_words():
        console.print(sentence, markup=False)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise SettingsError("This system does not know your name: give it with --reviewer.") from error
