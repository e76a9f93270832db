"""What the dashboard and /metrics say of drift."""

from fastapi.testclient import TestClient
from served import Promote, constant_onnx

from pipeline.facts.drift_facts import DriftAlarm, DriftState, MartingaleFacts, Watched
from pipeline.serving.app import create_app
from pipeline.store import drift_files
from pipeline.store.home import Home

VERSION = "20261121-134502-cnn-12000-7f3a"
ALARM = DriftAlarm(
    key="mnist-1",
    sentence="Since noon, what it is asked about is unlike <b>everything</b>.",
    score="ink",
    image=12,
    since=3,
    prediction_id="b",
    at="2026-11-21T12:00:00Z",
    since_id="a",
    unusual=("b", "a"),
)


def state(digest: str, alarm: DriftAlarm | None) -> DriftState:
    return DriftState(
        dataset="mnist",
        watched=Watched(version=VERSION, digest=digest, reference_sha256="a" * 64, reference_images=16_000),
        number=1,
        level=0.001,
        started_at="2026-11-21T11:00:00Z",
        begun_after="",
        read_to="b",
        left_out=0,
        evidence=0.25,
        martingale=MartingaleFacts(counts=(), stakes=(), sums=(), onsets=(), waiting=0.5, steps=12),
        alarm=alarm,
        earlier=(),
    )


def test_dashboard_and_metrics_show_the_monitor_of_the_champion(home: Home, promote: Promote) -> None:
    digest = promote(constant_onnx((28, 28, 1), 3), VERSION).digest
    with TestClient(create_app(home)) as client:
        assert "drift_alarm{" not in client.get("/metrics").text
        drift_files.write_state(home, state(digest, None))
        assert f'drift_alarm{{version="{VERSION}"}} 0.0' in client.get("/metrics").text
        assert f'drift_evidence{{version="{VERSION}"}} 0.25' in client.get("/metrics").text
        assert "No drift alarm after 12 served requests (one image of each counts)." in client.get("/dashboard").text
        drift_files.write_state(home, state(digest, ALARM))
        assert f'drift_alarm{{version="{VERSION}"}} 1.0' in client.get("/metrics").text
        assert "unlike &lt;b&gt;everything&lt;/b&gt;" in client.get("/dashboard").text


def test_the_monitor_of_another_version_and_a_damaged_one_are_not_shown(home: Home, promote: Promote) -> None:
    promote(constant_onnx((28, 28, 1), 3), VERSION)
    with TestClient(create_app(home)) as client:
        drift_files.write_state(home, state("another", ALARM))
        assert "drift_alarm{" not in client.get("/metrics").text
        drift_files.state_file(home, "mnist").write_text("{")
        assert "drift_alarm{" not in client.get("/metrics").text
        assert client.get("/dashboard").status_code == 200
