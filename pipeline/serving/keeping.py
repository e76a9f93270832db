"""What ``serve --log`` adds to a server: a log, audits, corrections, and a challenger beside the champion."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.contracts import Version
from pipeline.growing import audits, from_production, quarantine, served_deletion
from pipeline.serving.auditing import NO_QUEUE, Auditor
from pipeline.serving.champion import Champion
from pipeline.serving.recorder import Recorder
from pipeline.serving.refusals import UNKNOWN_PREDICTION, RequestRefusal
from pipeline.serving.shadow import Shadow
from pipeline.store.home import Home
from pipeline.store.served_upkeep import Limits


@dataclass(frozen=True)
class Keeping:
    """What is kept of what is served.

    Attributes:
        limits: How much.
        audit: Probability that a prediction is drawn for an audit.
        seed: Of that draw; ``None`` for one that nobody can foresee.
        shadow: The challenger that predicts as well; ``None`` for none.
    """

    limits: Limits
    audit: float = 0.0
    seed: int | None = None
    shadow: Version | None = None


class Keeper(Collector):
    """The log of a server and what reads it, and its figures for Prometheus.

    Args:
        home: The home folder.
        keeping: What is kept.
        champion: Returns the champion, ``None`` where there is none.
        notify: Called with sentences for the server's log.

    Attributes:
        limits: How much is kept.
    """

    def __init__(
        self,
        home: Home,
        keeping: Keeping,
        champion: Callable[[], Champion | None],
        notify: Callable[[str], None],
    ) -> None:
        self.limits = keeping.limits
        self.home = home
        self._champion = champion
        self._auditor = Auditor(home, keeping.audit, champion, notify, keeping.seed)
        self._shadow = Shadow(home, keeping.shadow, notify) if keeping.shadow else None
        followers = [self._auditor.follow, *([self._shadow.follow] if self._shadow else [])]
        self.log = Recorder(home, keeping.limits, notify, followers, [self._auditor.refresh])
        self._feedback = {"corrected": 0, "confirmed": 0}

    def start(self) -> None:
        """Begin to keep what is served; blocks for a moment."""
        if self._shadow is not None:
            self._shadow.start()
        champion = self._champion()
        self.log.start(champion.deployment.dataset if champion else None)

    def stop(self) -> None:
        """Write what waits, and end."""
        self.log.stop()
        if self._shadow is not None:
            self._shadow.stop()

    def is_reviewed(self, champion: Champion) -> bool:
        """Return whether predictions of this champion can be reviewed: its dataset must be a growing one."""
        return from_production.folder_of(self.home, champion.origin) is not None

    def correct(self, champion: Champion, prediction_id: str, label: str | None) -> bool:
        """Take a user's feedback on a prediction; a correction waits for review, and the last word counts.

        Args:
            champion: What serves.
            prediction_id: Which prediction.
            label: The class that the image shows; ``None`` for none of them.

        Returns:
            Whether it is a correction, rather than a confirmation.

        Raises:
            RequestRefusal: The prediction is not kept, nobody reviews this dataset, or it has no such class.
            PipelineError: A file is damaged, the disk fails, or too many corrections wait.
        """
        served = self.log.find(champion.deployment.dataset, prediction_id)
        if served is None:
            raise RequestRefusal(404, UNKNOWN_PREDICTION.format(prediction_id))
        predicted = served.predicted[0]
        queue = from_production.queue_of(self.home, champion.origin)
        if label == predicted:
            if queue is not None:
                from_production.withdraw_correction(queue.folder, prediction_id)
            self._feedback["confirmed"] += 1
            return False
        if queue is None:
            raise RequestRefusal(409, NO_QUEUE.format(champion.deployment.dataset))
        classes = queue.snapshot.classes
        if label is not None and label not in classes:
            raise RequestRefusal(422, f"The label must be null or one of {', '.join(classes)}.")
        reason = f"A user says {'none of the classes' if label is None else label} where {predicted} was predicted."
        entry = from_production.entry(
            served, 0, quarantine.CORRECTED, queue, label=label, reason=reason, labelled_by="a user"
        )
        from_production.add(queue, [entry])
        self._feedback["corrected"] += 1
        return True

    def delete(self, champion: Champion, prediction_id: str) -> bool:
        """Delete a prediction from the log, the audits and the review queue; return whether it was there.

        Raises:
            StoreError: A file is damaged, or the disk fails.
            DataError: The review queue is damaged.
        """
        self.log.flush()
        return bool(served_deletion.delete(self.home, champion.deployment.dataset, [prediction_id]))

    def collect(self) -> Iterable[Metric]:
        """Return the figures."""
        log = self.log
        yield _counter("predictions_logged", "Predictions in the log.", log.kept)
        yield _counter("predictions_not_logged", "Predictions that the disk did not take, or not in time.", log.lost)
        yield GaugeMetricFamily("prediction_log_up", "1 if predictions are logged.", value=log.problem is None)
        kinds = CounterMetricFamily("feedback", "Users' feedback on predictions.", labels=["kind"])
        for kind, count in self._feedback.items():
            kinds.add_metric([kind], count)
        yield kinds
        yield _counter("predictions_audited", "Predictions that were drawn for an audit.", self._auditor.drawn)
        yield from _accuracy(self._auditor.latest)
        if self._shadow is not None:
            yield from _comparisons(self._shadow)


def _accuracy(found: audits.ProductionAccuracy | None) -> Iterable[Metric]:
    """Accuracy and its interval; none of it before the first label."""
    if found is None or found.estimate.accuracy is None:
        return
    estimate = found.estimate
    values: Mapping[str, float] = {"estimate": found.estimate.accuracy, "low": estimate.low, "high": estimate.high}
    text = "Accuracy in production from random audits, with a 95 % interval that is valid however often it is read."
    family = GaugeMetricFamily("production_accuracy", text, labels=["dataset", "version", "bound"])
    for bound, value in values.items():
        family.add_metric([found.dataset, found.version, bound], value)
    yield family
    audited = GaugeMetricFamily("production_audits", "Audits with a label.", labels=["dataset", "version"])
    audited.add_metric([found.dataset, found.version], estimate.labels)
    yield audited


def _comparisons(shadow: Shadow) -> Iterable[Metric]:
    info = GaugeMetricFamily("shadow_info", "Which version predicts beside the champion.", labels=["version"])
    info.add_metric([shadow.version], 1)
    yield info
    yield _counter("shadow_predictions", "Images that champion and challenger predicted.", shadow.compared)
    yield _counter("shadow_disagreements", "Images for which they predicted different classes.", shadow.disagreed)
    yield _counter("shadow_skipped", "Images that the challenger skipped or cannot take.", shadow.skipped)


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, text, value=value)
