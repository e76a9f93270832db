"""Notify a command or a webhook of an event, and record it."""

import json
import os
import shlex
import signal
import subprocess
from dataclasses import dataclass
from typing import get_args

from pipeline import moments
from pipeline.errors import ServiceError, SettingsError
from pipeline.facts.watch_facts import AnnouncedKind, EventKind, WatchEvent
from pipeline.services import webhook
from pipeline.store import watch_records
from pipeline.store.home import Home
from pipeline.text import plain

ANNOUNCED: tuple[str, ...] = get_args(AnnouncedKind)
COMMAND_SECONDS = 30.0
ENVIRONMENT = {"PIPELINE_EVENT": "kind", "PIPELINE_DATASET": "dataset"}


@dataclass(frozen=True)
class Listeners:
    """Who is notified of events.

    Attributes:
        command: The words of a command, which gets the event as JSON on standard input; empty for none.
        webhook: An address that the same JSON is posted to; ``None`` for none.
    """

    command: tuple[str, ...] = ()
    webhook: str | None = None

    @classmethod
    def of(cls, command: str | None, address: str | None) -> "Listeners":
        """Return the listeners that the command line names.

        Raises:
            SettingsError: The command has no closing quotation mark or no words, or the address is none.
        """
        try:
            words = tuple(shlex.split(command)) if command is not None else ()
        except ValueError as error:
            raise SettingsError(f"--on-event cannot be split into words: {error}.") from error
        if command is not None and not words:
            raise SettingsError("--on-event is empty: give a command, or leave it out.")
        return cls(words, webhook.checked(address) if address is not None else None)


def event(kind: EventKind, dataset: str, sentence: str, **details: str | int | float) -> WatchEvent:
    """Return an event of this moment; its sentence is made harmless, since it may repeat names from outside."""
    text = plain(sentence, longest=2000)
    return WatchEvent.model_validate(
        {"kind": kind, "dataset": dataset, "at": moments.now(), "sentence": text, "details": details}
    )


def emit(home: Home, happened: WatchEvent, listeners: Listeners) -> WatchEvent:
    """Announce an event, then record it; one that was announced but not recorded is announced again after a crash.

    Returns:
        The event as it was recorded, with the reason if somebody could not be notified.

    Raises:
        StoreError: The disk is full or fails; everybody has been notified.
    """
    problems = []
    if happened.kind in ANNOUNCED:
        content = happened.model_dump(mode="json", exclude={"problem"})
        problems += [_call(listeners.command, happened, content)] if listeners.command else []
        problems += [_post(listeners.webhook, content)] if listeners.webhook else []
    recorded = happened.model_copy(update={"problem": " ".join(filter(None, problems))})
    watch_records.record(home, recorded)
    return recorded


def _call(command: tuple[str, ...], happened: WatchEvent, content: dict[str, object]) -> str:
    """Run the command without a shell, and kill it with all its children when its time is up; return what failed."""
    named = {name: getattr(happened, field) for name, field in ENVIRONMENT.items()}
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | named,
            start_new_session=True,
        )
    except OSError as error:
        return f"The event command could not be started: {error.strerror}."
    try:
        process.communicate(json.dumps(content).encode() + b"\n", timeout=COMMAND_SECONDS)
    except subprocess.TimeoutExpired:
        return f"The event command was killed after {COMMAND_SECONDS:g} s."
    finally:
        _kill_group(process)
    return f"The event command ended with status {process.returncode}." if process.returncode else ""


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _post(address: str, content: dict[str, object]) -> str:
    try:
        webhook.post(address, content)
    except ServiceError as error:
        return str(error)
    return ""
