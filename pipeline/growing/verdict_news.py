"""Verdicts and promotions that have not been announced yet: read from the store, so no crash can lose them."""

from collections.abc import Iterator, Sequence

from pipeline.contracts import Verdict, Version
from pipeline.facts.deployment_facts import DeploymentRecord
from pipeline.facts.watch_facts import EventKind, WatchEvent
from pipeline.growing.announcing import event
from pipeline.judging import disclosure
from pipeline.judging.words import not_passed
from pipeline.store import production, versions, watch_records
from pipeline.store.home import Home

_Key = tuple[str, str, str]


def unannounced(home: Home, dataset: str, since: str) -> list[WatchEvent]:
    """Return the promotions and refusals of a dataset that no event records yet, oldest first.

    Args:
        home: The home folder.
        dataset: The dataset's name.
        since: What was judged or promoted before this moment (UTC, ISO 8601) is old news.

    Raises:
        StoreError: The history of production or the record of events is damaged.
    """
    known = {_key(one) for one in watch_records.events(home, dataset)}
    listed = [version for version in versions.list_versions(home) if _is_of(version, dataset)]
    found = [*_promotions(home, dataset, listed), *_refusals(dataset, listed)]
    fresh = [one for one in found if one.details["decided_at"] >= since and _key(one) not in known]  # type: ignore[operator]
    return sorted(fresh, key=lambda one: str(one.details["decided_at"]))


def _promotions(home: Home, dataset: str, listed: Sequence[Version]) -> Iterator[WatchEvent]:
    by_id = {version.id: version for version in listed}
    for record in production.records(home, dataset):
        if record.action == "promote":
            yield _promotion(record, by_id.get(record.id))


def _promotion(record: DeploymentRecord, version: Version | None) -> WatchEvent:
    before = record.previous_id
    passed = next((one for one in version.verdicts[::-1] if one.outcome == "pass"), None) if version else None
    gain = _gain(passed) if passed else ""
    served = f"{before} served before" if before else "it is the first"
    sentence = f"{record.id} was promoted and serves {record.dataset}{gain}; {served}."
    return _about("promotion", record.dataset, sentence, record.id, record.promoted_at, previous=before or "")


def _refusals(dataset: str, listed: Sequence[Version]) -> Iterator[WatchEvent]:
    for version in listed:
        for verdict in version.verdicts:
            if verdict.outcome != "pass":
                sentence = f"{version.id} was refused. {_why(verdict)}"
                yield _about("refusal", dataset, sentence, version.id, verdict.judged_at)


def _gain(verdict: Verdict) -> str:
    compared = verdict.comparison
    if compared is None:
        return ""
    return f", fixing {compared.fixed:,} errors of the champion and making {compared.made:,} new ones"


def _why(verdict: Verdict) -> str:
    """The sentence of the first check that it failed, as far as its policy discloses it."""
    shown = disclosure.shown_verdict(verdict)
    failed = next((check for check in shown.checks if check.outcome != "pass"), None)
    if failed is None:
        return ""
    what = not_passed(failed)
    return f"{what[:1].upper()}{what[1:]}: {failed.sentence}"


def _about(kind: EventKind, dataset: str, sentence: str, version: str, decided_at: str, **more: str) -> WatchEvent:
    return event(kind, dataset, sentence, version=version, decided_at=decided_at, **more)


def _key(one: WatchEvent) -> _Key:
    return one.kind, str(one.details.get("version", "")), str(one.details.get("decided_at", ""))


def _is_of(version: Version, dataset: str) -> bool:
    return version.damage is None and version.known_manifest is not None and version.manifest.dataset.name == dataset
