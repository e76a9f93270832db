"""`drift` from the log of a champion: alarms, what changed, restarts, and what survives."""

import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import striped
from fastapi.testclient import TestClient
from short_runs import AS_GOOD, Silent
from striped import NAME, Log, stripes, write_stripes

from pipeline import simulator
from pipeline.cli import serve_command
from pipeline.config import Settings
from pipeline.deployer import Deployer
from pipeline.errors import StoreError
from pipeline.facts.drift_facts import DriftState
from pipeline.inspection import drift
from pipeline.monitoring.monitor import ALPHA
from pipeline.serving.app import create_app
from pipeline.store import atomic, drift_files, production, served_files, versions
from pipeline.store.home import Home


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a champion of stripes, and another version that passed; not to be changed."""
    folder = tmp_path_factory.mktemp("drift")
    home = Home(folder / "home")
    settings = {"dataset": str(write_stripes(folder)), "gate": AS_GOOD}
    simulator.run(Settings(models=("logistic",), train_sizes=("0.5", "all"), **settings), home, Silent())
    return home


@pytest.fixture
def watched(trained: Home, tmp_path: Path) -> Home:
    """A copy of it that a test may change."""
    shutil.copytree(trained.root, tmp_path / "home")
    return Home(tmp_path / "home")


def state_of(home: Home) -> DriftState:
    found = drift_files.read_state(home, NAME)
    assert found is not None
    return found


def test_a_champion_that_served_nothing_has_no_alarm(watched: Home, command: Any) -> None:
    status, out, _ = command("drift", "--home", watched.root)
    assert status == 0
    assert "serve --log" in out
    assert drift_files.read_state(watched, NAME) is None


def test_what_was_served_this_moment_is_left_to_the_next_check(
    watched: Home, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(striped, "STARTED", time.time_ns())
    Log(watched).add(stripes(30, 1)[0])
    status, out, _ = command("drift", "--home", watched.root)
    assert status == 0
    assert "`drift` counts a request 10 seconds later." in " ".join(out.split())


def test_images_like_those_of_the_benchmark_raise_no_alarm(watched: Home, command: Any) -> None:
    Log(watched).add(stripes(300, 1)[0])
    status, out, err = command("drift", "--home", watched.root)
    assert status == 0
    assert "No alarm after 300 requests that" in out
    assert "(one image of each counts)" in out
    assert "found later than with 2,000" in out  # the reference is small
    assert "done once for each champion" in err
    status, out, err = command("drift", "--home", watched.root)
    assert (status, "300 requests" in out, "once" in err) == (0, True, False)


def test_an_alarm_says_what_changed_and_stays(watched: Home, command: Any) -> None:
    log = Log(watched)
    log.add(stripes(100, 2)[0])
    changed = log.add(255 - stripes(200, 3)[0])
    status, out, _ = command("drift", "--home", watched.root)
    assert status == 3
    assert "inversion (light and dark are swapped)" in out
    alarm = state_of(watched).alarm
    assert alarm is not None
    assert abs(alarm.since - 100) <= 10
    assert 100 < alarm.image < 150
    assert alarm.prediction_id == changed[alarm.image - 101]
    assert set(alarm.unusual) <= set(changed)
    page = drift_files.page_file(watched, NAME).read_text()
    assert page.count("<li><figure>") == 24
    status, out, _ = command("drift", "--json", "--home", watched.root)
    found = json.loads(out)
    assert (status, found["resembles"]["name"], found["monitor"]) == (3, "inversion", 1)
    assert drift.check(watched, NAME) == alarm


def test_looking_often_changes_nothing(watched: Home, tmp_path: Path) -> None:
    shutil.copytree(watched.root, tmp_path / "other")
    other = Home(tmp_path / "other")
    often, once = Log(watched), Log(other)
    for part in np.split(stripes(90, 4)[0], [1, 30, 31, 70]):
        often.add(part)
        once.add(part)
        assert drift.check(watched, NAME) is None
    assert drift.check(other, NAME) is None
    assert state_of(watched).martingale == state_of(other).martingale
    assert state_of(watched).images == 90


def test_images_of_one_request_count_once(watched: Home) -> None:
    Log(watched).add(stripes(80, 5)[0], together=8)
    assert drift.check(watched, NAME) is None
    assert (state_of(watched).images, state_of(watched).left_out) == (10, 70)


def test_a_reset_starts_a_monitor_with_what_is_left_of_the_promise(watched: Home, command: Any) -> None:
    log = Log(watched)
    log.add(255 - stripes(100, 6)[0])
    first = drift.check(watched, NAME)
    assert first is not None
    status, out, _ = command("drift", "--reset", "a new camera", "--home", watched.root)
    assert (status, "Monitor 2" in out) == (0, True)
    assert not drift_files.page_file(watched, NAME).exists()
    state = state_of(watched)
    assert (state.number, state.alarm, state.earlier[0].alarm) == (2, None, first)
    assert state.earlier[0].reason == "a new camera"
    assert state.level == pytest.approx(ALPHA / 6)
    assert drift.check(watched, NAME) is None  # what was logged before is not read again
    assert command("drift", "--reset", "again", "--home", watched.root)[0] == 0
    assert state_of(watched).number == 2  # it saw nothing, so it could not be wrong


def test_a_new_champion_has_a_monitor_of_its_own(watched: Home) -> None:
    log = Log(watched)
    log.add(255 - stripes(100, 7)[0])
    first = drift.check(watched, NAME)
    assert first is not None
    current = production.current(watched, NAME)
    assert current is not None
    Deployer(watched).rollback(NAME, "for a test")
    assert drift.check(watched, NAME) is None  # it served nothing yet
    log.add(stripes(50, 8)[0])
    assert drift.check(watched, NAME) is None
    state = state_of(watched)
    assert (state.number, state.images, state.earlier[0].alarm) == (2, 50, first)
    assert state.watched.version != current.id


def test_a_set_of_images_is_compared_in_any_order(watched: Home, command: Any, tmp_path: Path) -> None:
    images, labels = stripes(200, 9)
    by_class = images[np.argsort(labels)][..., 0]
    np.savez(tmp_path / "usual.npz", images=by_class)
    np.savez(tmp_path / "inverted.npz", images=255 - by_class)
    assert command("drift", "--images", tmp_path / "usual.npz", "--home", watched.root)[0] == 0
    status, out, _ = command("drift", "--images", tmp_path / "inverted.npz", "--home", watched.root)
    assert status == 3
    assert "inversion" in out
    page = (watched.metric_results / NAME / "drift.html").read_text()
    assert re.search(r'<p class="quiet">\d+ of 200</p>', page), "how many of how many are shown"
    assert drift_files.read_state(watched, NAME) is None


def test_predictions_of_strange_images_come_with_a_warning(watched: Home, command: Any, tmp_path: Path) -> None:
    images = stripes(200, 10)[0][..., 0]
    np.savez(tmp_path / "usual.npz", images=images)
    np.savez(tmp_path / "strange.npz", images=np.roll(images, 1, axis=1))
    for arguments in ((), ("--output", tmp_path / "answers.csv")):
        assert (
            "do not look like" not in command("predict", tmp_path / "usual.npz", *arguments, "--home", watched.root)[2]
        )
        status, _, err = command("predict", tmp_path / "strange.npz", *arguments, "--home", watched.root)
        assert status == 0
        assert "do not look like those the model was judged on" in err
        assert "the predictions may be wrong" in err


def test_serve_says_at_its_start_what_it_needs_to_doubt_strange_images(
    watched: Home, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve_command, "_run", lambda _app, listening: listening.close())

    def printed() -> str:
        status, out, _ = command("serve", "--port", 0, "--home", watched.root)
        assert status == 0
        return out

    needed = f"drift --prepare --dataset {NAME}"
    assert printed().count(needed) == 1
    command(*needed.split(), "--home", watched.root)
    assert needed not in printed()
    Deployer(watched).rollback(NAME, "for a test")
    assert needed in printed(), "another champion needs its own"


def test_once_prepared_the_server_doubts_single_strange_images(watched: Home, command: Any) -> None:
    images = stripes(8, 10)[0]
    strange = 255 - images
    with TestClient(create_app(watched)) as client:

        def doubts(pixels: np.ndarray, query: str = "?explain=true") -> list[str]:
            body = {"images": pixels[..., 0].tolist()}
            found = client.post(f"/predict{query}", json=body).json()["predictions"]
            return [one.get("doubt", "") for one in found]

        assert "unlike the training images" not in "".join(doubts(strange))
        status, out, _ = command("drift", "--prepare", "--home", watched.root)
        assert (status, "Served images are compared with" in out) == (0, True)
        unlike = "unlike the training images. 99 % of the images that the model was not trained on are closer to them."
        assert all(unlike in sentence for sentence in doubts(strange))
        assert not any(doubts(images))
        assert "unlike the training images" not in "".join(doubts(strange, ""))
    assert drift_files.read_state(watched, NAME) is None, "nothing is watched by it"


def test_a_lost_or_damaged_reference_is_made_again_and_the_monitor_goes_on(watched: Home) -> None:
    log = Log(watched)
    log.add(stripes(30, 11)[0])
    drift.check(watched, NAME)
    path = watched.production_of(NAME) / drift_files.REFERENCE
    whole = path.read_bytes()
    path.write_bytes(whole[:-100] + bytes(100))
    log.add(stripes(30, 12)[0])
    drift.check(watched, NAME)
    assert path.read_bytes() == whole
    assert (state_of(watched).number, state_of(watched).images) == (1, 60)


def test_a_damaged_state_is_named_and_never_replaced(watched: Home, command: Any) -> None:
    Log(watched).add(stripes(30, 13)[0])
    drift.check(watched, NAME)
    path = drift_files.state_file(watched, NAME)
    path.write_text(path.read_text().replace('"number":1', '"number":0'))
    status, _, err = command("drift", "--home", watched.root)
    assert (status, "drift.json is damaged" in err) == (1, True)
    assert "drift.json is damaged" in command("doctor", "--home", watched.root)[1]
    with pytest.raises(StoreError):
        drift.reset(watched, NAME, "why not")


def test_a_champion_whose_images_are_gone_cannot_be_watched(watched: Home, command: Any, tmp_path: Path) -> None:
    Log(watched).add(stripes(10, 14)[0])
    current = production.current(watched, NAME)
    assert current is not None
    origin = Path(versions.find(watched, current.id).manifest.dataset.origin)
    kept = origin.read_bytes()
    try:
        images, labels = stripes(90, 99)
        np.savez(origin, images=images[..., 0], labels=labels)
        status, _, err = command("drift", "--home", watched.root)
    finally:
        atomic.write_bytes(origin, kept)
    assert (status, "no longer holds the images" in err) == (1, True)


@pytest.mark.parametrize(
    "arguments", [("--reset", " "), ("--reset", "x", "--images", "y.npz"), ("--reset", "x"), ("--prepare", "--json")]
)
def test_what_cannot_be_done_is_refused(watched: Home, command: Any, arguments: tuple[str, ...]) -> None:
    status, _, err = command("drift", *arguments, "--home", watched.root)
    assert status == 1
    assert "Error" in err


def test_erasing_images_forgets_the_reference_and_the_page(watched: Home) -> None:
    Log(watched).add(255 - stripes(100, 15)[0])
    drift.check(watched, NAME)
    atomic.write_text(drift_files.page_file(watched, NAME), "pictures")
    drift_files.forget_images(watched, NAME)
    assert not drift_files.page_file(watched, NAME).exists()
    assert drift_files.read_reference(watched, production.the_champion(watched, NAME, "")) is None
    assert served_files.read(next(watched.served_of(NAME).glob("*/*.parquet"))) is not None
