"""What ``/metrics`` reports to Prometheus."""

from collections.abc import Iterable

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.contracts import Probabilities
from pipeline.serving.champion import ChampionWatch

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
CONFIDENCES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)
BATCHES = (1, 2, 4, 8, 16, 32, 64)


class Telemetry:
    """The counters of one application, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._seconds = Histogram(
            "http_request_seconds",
            "Time to answer.",
            ["method", "route", "status"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._predicted = Counter("predictions", "Images predicted, by class.", ["label"], registry=self.registry)
        self._confidence = Histogram(
            "prediction_confidence", "Highest probability of an image.", buckets=CONFIDENCES, registry=self.registry
        )
        self._batch = Histogram("batch_images", "Images computed together.", buckets=BATCHES, registry=self.registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request and its time."""
        self._seconds.labels(method, route, str(status)).observe(seconds)

    def predicted(self, probabilities: Probabilities, classes: tuple[str, ...]) -> None:
        """Count what was predicted, by class, and how sure the model was: drift shows here first."""
        labels, counts = np.unique(probabilities.argmax(axis=1), return_counts=True)
        for label, count in zip(labels.tolist(), counts.tolist(), strict=True):
            self._predicted.labels(classes[label]).inc(count)
        for confidence in probabilities.max(axis=1).tolist():
            self._confidence.observe(confidence)

    def batch(self, size: int) -> None:
        """Count a batch."""
        self._batch.observe(size)

    def watch(self, champion: ChampionWatch) -> None:
        """Report from now on which version is served."""
        self.registry.register(_ChampionCollector(champion))

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)


class _ChampionCollector(Collector):
    def __init__(self, watch: ChampionWatch) -> None:
        self._watch = watch

    def collect(self) -> Iterable[Metric]:
        info = GaugeMetricFamily("champion_info", "Which version is served.", labels=["dataset", "version", "digest"])
        champion = self._watch.champion
        if champion is not None:
            deployment = champion.deployment
            info.add_metric([deployment.dataset, deployment.id, deployment.digest], 1)
        yield info
        healthy = champion is not None and self._watch.problem is None
        yield GaugeMetricFamily("champion_up_to_date", "1 if the version in production is served.", value=healthy)
        yield CounterMetricFamily(
            "champion_load_failures", "Champions that failed to load.", value=self._watch.failures
        )
