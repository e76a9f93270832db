"""Publishing with the real client: the good way, twice, changed, and each way in which it can fail."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from faults import Fault, cut, reply, slow
from huggingface_server import TOKEN, HubServer
from listeners import Told
from small_version import publish as publish_version
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.contracts import Version
from pipeline.data import sources
from pipeline.errors import DeployError, ServiceError
from pipeline.publishing.hub import mirror
from pipeline.publishing.hub import publish as publish_to_hub
from pipeline.publishing.hub_metadata import metadata, public_source
from pipeline.publishing.model_card import code_sample
from pipeline.services.calls import Patience
from pipeline.services.huggingface import Published
from pipeline.store import production, recovery
from pipeline.store.home import Home

ROOT = Path(__file__).parents[2]
REPO = "somebody/digits"
FILES = {
    ".gitattributes",
    "README.md",
    "config.json",
    "metrics.json",
    "model.joblib",
    "model.onnx",
    "verdict.json",
}


@pytest.fixture(scope="module")
def hub_server() -> Iterator[HubServer]:
    """A server, and a client that read its address when it was imported."""
    server = HubServer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", server.url)
        _forget_client()
        yield server
    server.close()
    _forget_client()


@pytest.fixture
def hub(hub_server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HubServer:
    """The server, empty, and surroundings in which the client knows no other address: asked before anything is sent."""
    surroundings = {
        "HF_ENDPOINT": hub_server.url,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_TOKEN": TOKEN,
    }
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    import huggingface_hub

    assert huggingface_hub.HfApi().endpoint == hub_server.url
    assert hub_server.url.startswith("http://127.0.0.1:")
    hub_server.reset()
    return hub_server


def _forget_client() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "huggingface_hub"]:
        del sys.modules[name]


@pytest.fixture
def publish(hub: HubServer, home: Home, champion: Version, patience: Patience, told: Told):
    def call(*, limit: float = 30, repo: str = REPO, **privacy: bool) -> Published:
        limited = dataclasses.replace(patience, limit_seconds=limit, attempts=2)
        return publish_to_hub(home, "digits", repo, limited, told, **privacy)

    return call


def test_the_hub_holds_exactly_what_the_mirror_holds(home: Home, hub: HubServer, publish) -> None:
    published = publish(private=True)
    repository = hub.repositories[REPO]
    mirror = {path.name: path.read_bytes() for path in (home.production / "digits" / "huggingface").iterdir()}
    assert repository.files == mirror
    assert set(mirror) == FILES
    assert repository.private
    assert published == Published(f"{hub.url}/{REPO}", changed=True)


@pytest.mark.slow
def test_a_private_publication_refuses_a_public_repository_unless_it_may_change_it(hub: HubServer, publish) -> None:
    publish()
    hub.repositories[REPO].files.clear()
    with pytest.raises(ServiceError, match=r"exists and is public, so nothing was uploaded.*--make-private"):
        publish(private=True)
    assert hub.repositories[REPO].files == {}
    assert not hub.repositories[REPO].private

    assert publish(make_private=True).changed
    assert hub.repositories[REPO].private
    assert set(hub.repositories[REPO].files) == FILES
    publish(private=True)


def test_a_commit_whose_answer_is_lost_counts_as_an_upload(hub: HubServer, publish) -> None:
    hub.faults_after["commit"] = [cut]
    assert publish().changed
    assert set(hub.repositories[REPO].files) == FILES


def test_published_twice_without_change_nothing_is_uploaded(hub: HubServer, publish) -> None:
    publish()
    hub.calls.clear()
    assert not publish().changed
    assert "commit" not in hub.calls
    assert "large file" not in hub.calls


def test_the_command_says_where_it_is_and_whether_anything_was_sent(home: Home, champion: Version, hub: HubServer):
    said = [CliRunner().invoke(app, ["publish", REPO, "--home", str(home.root)]).output for _ in range(2)]
    assert f"{hub.url}/{REPO} is up to date." in said[0]
    assert f"{hub.url}/{REPO} had every file already: nothing was uploaded." in said[1]


@pytest.mark.slow
def test_a_new_champion_replaces_what_changed_and_removes_what_is_gone(home: Home, hub: HubServer, publish) -> None:
    publish()
    hub.repositories[REPO].files["model.keras"] = b"of an earlier champion"
    hub.calls.clear()
    newer = publish_version(home, number=2, strength=0.1)
    assert publish().changed
    assert set(hub.repositories[REPO].files) == FILES
    assert newer.id in hub.repositories[REPO].files["README.md"].decode()
    assert hub.calls.count("large file") == 1


FAILURES = {
    "token not accepted": ("create", reply(401, {"error": "Invalid"}), "rejected the token|sees no repository"),
    "no rights": ("commit", reply(403, {"error": "Forbidden: no write access"}), "may not write to somebody/digits"),
    "repository missing": ("info", reply(404, {"error": "Repository not found"}), "sees no repository somebody/digits"),
    "files not taken": ("commit", reply(400, {"error": "Bad card"}), r"does not accept the files \(400\).*Bad card"),
    "server down while committing": ("commit", reply(503, {}), r"an internal problem \(503\)"),
    "too many requests": ("commit", reply(429, {}), r"is limiting requests \(429\)"),
    "files too large": ("commit", reply(413, {"error": "Payload too large"}), r"too large for somebody/digits \(413\)"),
    "a large file refused": ("large file", reply(403, {"error": "No"}), r"may not write to somebody/digits \(403\)"),
    "a large file too large": ("large file", reply(413, {}), r"too large for somebody/digits \(413\)"),
    "a large file not stored": ("large file", reply(501, {}), r"an internal problem \(501\)"),
    "connection cut": ("commit", cut, "connection to Hugging Face failed or was cut"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("call", "fault", "words"), FAILURES.values(), ids=FAILURES)
def test_a_failure_is_one_sentence(hub: HubServer, publish, call: str, fault: Fault, words: str) -> None:
    hub.faults[call] = [fault] * 9
    with pytest.raises(ServiceError, match=words) as raised:
        publish()
    assert TOKEN not in str(raised.value)


def test_no_secret_is_printed_with_debug(
    champion: Version, hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, debugged
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    saved = tmp_path / "hf" / "token"
    saved.parent.mkdir()
    saved.write_text("a-token-nobody-should-see")
    hub.faults["create"] = [reply(400, {"error": "token a-token-nobody-should-see is of no use"})] * 9
    printed = debugged("publish", REPO)
    assert "token *** is of no use" in printed
    assert "nobody-should-see" not in printed


@pytest.mark.slow
def test_a_second_call_completes_what_the_first_began(hub: HubServer, publish) -> None:
    hub.faults["commit"] = [cut] * 2
    with pytest.raises(ServiceError):
        publish()
    assert hub.large
    assert hub.repositories[REPO].files == {}
    publish()
    assert set(hub.repositories[REPO].files) == FILES
    assert hub.calls.count("large file") == 2


@pytest.mark.slow
def test_a_problem_that_passes_is_waited_out(hub: HubServer, publish) -> None:
    hub.faults["commit"] = [reply(503, {})]
    assert publish().changed


@pytest.mark.slow
@pytest.mark.parametrize("call", ["create", "large file"])
def test_a_silent_hub_ends_with_the_time_limit(hub: HubServer, publish, call: str) -> None:
    hub.faults[call] = [slow(5)] * 9
    with pytest.raises(ServiceError, match="did not answer within the time limit"):
        publish(limit=2)


def test_without_a_token_nothing_is_asked(hub: HubServer, publish, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(ServiceError, match=r"no Hugging Face token.*HF_TOKEN"):
        publish()
    assert hub.calls == []


def test_a_wrong_token_says_so(hub: HubServer, publish, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(ServiceError, match="token"):
        publish()
    assert hub.repositories == {}


def test_an_impossible_name_says_so(publish) -> None:
    with pytest.raises(ServiceError, match="'a/b/c' is not the name of a repository"):
        publish(repo="a/b/c")


def test_without_a_champion_there_is_nothing_to_publish(home: Home) -> None:
    with pytest.raises(DeployError, match="nothing to publish"):
        mirror(home, "digits")


def test_the_mirror_is_rebuilt_only_for_another_champion(home: Home, champion: Version) -> None:
    folder = mirror(home, "digits")
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    mirror(home, "digits")
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    (folder / "model.onnx").write_bytes(b"tampered")
    mirror(home, "digits")
    assert (folder / "model.onnx").read_bytes() == (champion.folder / "model.onnx").read_bytes()
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []


def test_a_mirror_that_was_cut_off_is_rebuilt(home: Home, champion: Version) -> None:
    staging = home.production / "digits" / ".huggingface.tmp"
    staging.mkdir()
    (staging / "half").write_bytes(b"")
    assert {path.name for path in mirror(home, "digits").iterdir()} == FILES
    recovery.recover(home)
    assert not staging.exists()


def test_the_card_tells_what_a_stranger_needs(home: Home, champion: Version) -> None:
    curve = home.metric_results / "learning_curve.png"
    curve.parent.mkdir(parents=True, exist_ok=True)
    curve.write_bytes(b"a picture")
    folder = mirror(home, "digits")
    _, header, body = (folder / "README.md").read_text().split("---\n", 2)

    [entry] = yaml.safe_load(header)["model-index"]
    measured = {metric["type"]: metric["value"] for metric in entry["results"][0]["metrics"]}
    assert measured["accuracy"] == champion.scores.accuracy.value
    for heading in ("Intended use", "Training data", "Figures of each class", "Verdict", "How to use it"):
        assert f"## {heading}" in body
    assert body.count("\n| ") >= 10 + 5
    assert "(learning_curve.png)" in body
    assert (folder / "learning_curve.png").read_bytes() == b"a picture"
    assert "The lower bound is above 90 %." in body


def test_the_card_names_data_and_licence_and_no_folder_of_this_machine(
    home: Home, champion: Version, tmp_path: Path
) -> None:
    header = yaml.safe_load((mirror(home, "digits") / "README.md").read_text().split("---\n")[1])
    assert header["license"] == "mit"
    assert header["metrics"] == ["accuracy", "f1"]
    assert "datasets" not in header
    dataset = header["model-index"][0]["results"][0]["dataset"]
    assert (dataset["type"], dataset["split"]) == ("digits", "benchmark")


SOURCES = {
    "Kaggle-form CSV /home/a person/data/train.csv": "Kaggle-form CSV train.csv",
    "Kaggle-form CSV data/train.csv": "Kaggle-form CSV train.csv",
    "IDX files in C:\\data\\mnist": "IDX files in mnist",
    "NumPy archive ../mnist.npz": "NumPy archive mnist.npz",
    "pictures in /": "pictures in a folder",
    "pictures listed in /home/me/trees/train.csv": "pictures listed in train.csv",
    "scikit-learn's digits, enlarged from 8 x 8": "scikit-learn's digits, enlarged from 8 x 8",
    "a new kind of source in /srv/x": "images of this machine",
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_public_source_names_no_folder(source: str) -> None:
    assert public_source(source) == SOURCES[source]


def test_mnist_is_linked_by_its_content_and_not_by_its_name(champion: Version, mnist_folder: Path) -> None:
    data = sources.load("mnist", data_dir=mnist_folder, download=False)
    renamed = {"name": "digits", "sha256": data.sha256}
    facts = champion.manifest.model_copy(update={"dataset": champion.manifest.dataset.model_copy(update=renamed)})
    header = yaml.safe_load(metadata(facts, champion.scores))
    assert header["datasets"] == ["ylecun/mnist"]
    [result] = header["model-index"][0]["results"]
    assert result["dataset"] == {"type": "ylecun/mnist", "name": "MNIST", "split": "test"}

    other = facts.dataset.model_copy(update={"name": "mnist", "sha256": "0" * 64})
    header = yaml.safe_load(metadata(facts.model_copy(update={"dataset": other}), champion.scores))
    assert "datasets" not in header


def test_the_code_of_the_card_runs_for_whoever_finds_it_on_the_hub(
    home: Home, hub: HubServer, publish, tmp_path: Path
) -> None:
    publish()
    card = hub.repositories[REPO].files["README.md"].decode()
    program = card.split("```python\n")[1].split("```")[0]
    assert program.strip() == code_sample(REPO)
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) == 2
    config = json.loads(hub.repositories[REPO].files["config.json"])
    assert config["input"]["shape"] == [8, 8, 1]
    assert run.stdout.split()[0] in config["classes"]


def test_the_mirror_of_a_later_champion_keeps_the_repository(home: Home, hub: HubServer, publish) -> None:
    publish()
    publish_version(home, number=2, strength=0.1)
    assert f"repository = '{REPO}'" in (mirror(home, "digits") / "README.md").read_text()


def test_large_files_are_ready_for_git_lfs(home: Home, champion: Version) -> None:
    folder = mirror(home, "digits")
    tracked = {line.split()[0] for line in (folder / ".gitattributes").read_text().splitlines()}
    assert {"*.onnx", "*.joblib", "*.keras", "*.ubj", "*.png"} == tracked


def test_production_is_not_disturbed(home: Home, champion: Version) -> None:
    mirror(home, "digits")
    assert production.datasets(home) == ["digits"]
    assert recovery.recover(home) == recovery.Recovery()
    assert Path(home.production / "digits" / "huggingface").is_dir()
