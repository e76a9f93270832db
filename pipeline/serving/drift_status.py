"""What the server reports about drift: the state that ``simulator.py drift`` or ``watch`` left, never computed here."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.errors import StoreError
from pipeline.facts.drift_facts import DriftState
from pipeline.judging.words import counted
from pipeline.serving.champion import ChampionWatch
from pipeline.store import drift_files, production
from pipeline.store.home import Home


class DriftCollector(Collector):
    """Reports the monitor of the champion that is served.

    Args:
        home: The home folder.
        watch: Knows the champion.
    """

    def __init__(self, home: Home, watch: ChampionWatch) -> None:
        self._home = home
        self._watch = watch

    def collect(self) -> Iterable[Metric]:
        """Return whether there is an alarm, how near one is, and how many images were looked at."""
        alarm = GaugeMetricFamily(
            "drift_alarm", "1 if served images are unlike those that the champion was judged on.", labels=["version"]
        )
        evidence = GaugeMetricFamily("drift_evidence", "Evidence of drift; 1 raises the alarm.", labels=["version"])
        images = GaugeMetricFamily(
            "drift_images", "Served images that were checked for drift, one of each request.", labels=["version"]
        )
        champion = self._watch.champion
        state = state_of(self._home, champion.deployment.dataset, champion.deployment.digest) if champion else None
        if state is not None:
            version = [state.watched.version]
            alarm.add_metric(version, state.alarm is not None)
            evidence.add_metric(version, state.evidence)
            images.add_metric(version, state.images)
        return [alarm, evidence, images]


def state_of(home: Home, dataset: str, digest: str) -> DriftState | None:
    """Return the monitor of the version with this digest; ``None`` where there is none that can be read."""
    try:
        state = drift_files.read_state(home, dataset)
    except StoreError:
        return None
    return state if state is not None and state.watched.digest == digest else None


def in_words(home: Home) -> dict[str, str]:
    """Return what is known of drift for each champion, by its version's id."""
    found = {}
    for champion in production.all_current(home):
        state = state_of(home, champion.dataset, champion.digest)
        if state is not None:
            found[champion.id] = _sentence(state)
    return found


def _sentence(state: DriftState) -> str:
    if state.alarm is not None:
        return f"Drift alarm: {state.alarm.sentence}"
    return f"No drift alarm after {counted(state.images, 'served request')} (one image of each counts)."
