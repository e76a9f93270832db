import io
import json
import re
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image, ImageDraw
from served import Promote, constant_onnx, get_json, install_version, running, wait_until, write_version

from pipeline.contracts import Deployment
from pipeline.inference.occlusion import occlusion
from pipeline.inference.predictor import OnnxPredictor
from pipeline.reports import html, navigation
from pipeline.serving import explanations, inputs, refusals
from pipeline.serving.app import create_app
from pipeline.serving.champion import ChampionWatch
from pipeline.store import version_arrays
from pipeline.store.home import Home
from pipeline.store.version_arrays import BenchmarkPredictions

GREY = (28, 28, 1)
BLACK = [[0] * 28] * 28


@pytest.fixture(scope="module")
def client(digits_home: Home) -> Iterator[TestClient]:
    with TestClient(create_app(digits_home), raise_server_exceptions=False) as open_client:
        yield open_client


def python_blocks() -> list[str]:
    """The programs that docs/serving.md shows."""
    page = Path(__file__).parents[2] / "docs" / "serving.md"
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_programs_of_the_docs_run_against_a_server(client: TestClient, server: str, tmp_path: Path) -> None:
    (tmp_path / "seven.png").write_bytes(png())
    printed = []
    for block in python_blocks():
        program = block.replace("http://127.0.0.1:8000", server)
        asked = [sys.executable, "-I", "-c", program, "seven.png"]
        done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    of_picture, of_pixels = printed
    expected = client.post("/predict", files={"files": png()}).json()["predictions"][0]["label"]
    assert of_picture.split() == [expected]
    assert "probabilities" in of_pixels
    assert len(list(filter(None, python_blocks()[0].splitlines()))) <= 10


SEVEN = ((80, 60), (200, 60), (130, 230))


def png(size: tuple[int, int] = (280, 280), points: tuple[tuple[int, int], ...] = SEVEN, kind: str = "PNG") -> bytes:
    picture = Image.new("L", size, 255)
    ImageDraw.Draw(picture).line(points, fill=0, width=22, joint="curve")
    kept = io.BytesIO()
    picture.save(kept, format=kind)
    return kept.getvalue()


def files(*contents: bytes) -> list[tuple[str, tuple[str, bytes, str]]]:
    return [("files", ("picture", content, "image/png")) for content in contents]


def test_pixels_are_predicted_as_the_model_predicts_them(client: TestClient, digits_onnx: bytes) -> None:
    images = np.random.default_rng(1).integers(0, 256, (70, *GREY), dtype=np.uint8)

    reply = client.post("/predict", json={"images": images[..., 0].tolist()})

    found = [list(one["probabilities"].values()) for one in reply.json()["predictions"]]
    assert np.allclose(found, OnnxPredictor(digits_onnx).predict(images), atol=1e-6)
    assert reply.json()["version"] == "20261121-134502-cnn-12000-7f3a"


def test_one_channel_may_be_written_out(client: TestClient) -> None:
    short = client.post("/predict", json={"images": [BLACK]}).json()
    assert client.post("/predict", json={"images": [[[[0]] * 28] * 28]}).json() == short


def test_whole_numbers_may_be_written_as_floats(client: TestClient) -> None:
    short = client.post("/predict", json={"images": [BLACK]}).json()
    assert client.post("/predict", json={"images": [[[0.0] * 28] * 28]}).json() == short


def test_pictures_are_predicted_in_their_order_with_what_was_seen(client: TestClient) -> None:
    one = png(points=((150, 50), (130, 230)), kind="WEBP")

    reply = client.post("/predict?seen=true", files=files(png(), one, png())).json()

    assert [prediction["label"] for prediction in reply["predictions"]] == ["7", "1", "7"]
    shown = np.array([prediction["seen"] for prediction in reply["predictions"]])
    assert shown.shape == (3, *GREY)
    assert np.array_equal(shown[0], shown[2])


def test_an_explanation_is_the_occlusion_of_what_was_seen(client: TestClient, digits_onnx: bytes) -> None:
    reply = client.post("/predict?seen=true&explain=true", files=files(png(), png(points=((150, 50), (130, 230)))))

    model = OnnxPredictor(digits_onnx)
    for prediction in reply.json()["predictions"]:
        image = np.array(prediction["seen"], np.uint8)
        falls = occlusion(model.predict, image, int(prediction["label"]))
        assert np.allclose(prediction["why"], falls, atol=1e-4)
        assert np.max(prediction["why"]) > 0.3, "a digit has parts that matter"


def test_only_the_first_images_are_explained_and_only_on_request(client: TestClient) -> None:
    images = {"images": [BLACK] * (explanations.MOST_EXPLAINED + 1)}
    assert all("why" not in one for one in client.post("/predict", json=images).json()["predictions"])
    explained = ["why" in one for one in client.post("/predict?explain=true", json=images).json()["predictions"]]
    assert explained == [True] * explanations.MOST_EXPLAINED + [False]


def test_an_answer_less_sure_than_nearly_all_on_the_benchmark_is_doubted(home: Home, digits_onnx: bytes) -> None:
    """Of a hundred benchmark images the least sure one sets the limit; without them nothing is doubted."""
    model, unclear = OnnxPredictor(digits_onnx), np.full((1, *GREY), 90, np.uint8)
    confidence = float(model.predict(unclear).max())
    for version_id, lowest, doubted in (("a", confidence + 0.01, True), ("b", confidence - 0.01, False)):
        benchmark = np.full((100, 10), (1 - lowest) / 9, np.float32)
        benchmark[:, 0] = lowest
        answered = BenchmarkPredictions(benchmark, np.zeros(100, np.int64), np.zeros(100, "V16"))
        content = version_arrays.predictions_content(answered)
        install_version(home, digits_onnx, f"20261121-100000-cnn-600-{version_id}", predictions=content)
        with TestClient(create_app(home)) as alone:
            (found,) = alone.post("/predict", json={"images": unclear[..., 0].tolist()}).json()["predictions"]
        assert ("got a surer answer" in found.get("doubt", "")) is doubted


def _zip_bomb() -> bytes:
    kept = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(kept, format="PNG")
    return kept.getvalue()


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


JSON = "application/json"
FORM = "multipart/form-data; boundary=x"


def sent(images: object) -> bytes:
    return json.dumps({"images": images}).encode()


REFUSED_BODIES: dict[str, tuple[str, bytes, int, str]] = {
    "no JSON": (JSON, b"{", 400, "not JSON"),
    "not even text": (JSON, b"\xff\xfe\x00", 400, "not JSON"),
    "nested beyond measure": (JSON, b"[" * 100_000, 400, "not JSON"),
    "another object": (JSON, b'{"image": 1}', 422, '{"images": '),
    "a list": (JSON, b"[1]", 422, '{"images": '),
    "an unknown field": (JSON, b'{"images": [], "x": 1}', 422, '{"images": '),
    "no image": (JSON, b'{"images": []}', 422, "no image"),
    "wrong shape": (JSON, sent([[[0] * 27] * 28]), 422, "28 x 28 pixels, not 28 x 27"),
    "one image without a list": (JSON, sent(BLACK), 422, "28 x 28 pixels, not 28"),
    "ragged": (JSON, sent([[[0] * 28] * 27 + [[0]]]), 422, "unequal length"),
    "NaN": (
        JSON,
        json.dumps({"images": [[*BLACK[1:], [0] * 27 + [float("nan")]]]}).encode(),
        422,
        "Image 1, row 28, column 28: NaN",
    ),
    "infinite": (
        JSON,
        json.dumps({"images": [[*BLACK[1:], [1e999] * 28]]}).encode(),
        422,
        "row 28, column 1: NaN and infinity",
    ),
    "scaled to 1": (JSON, sent([[[0.5] * 28] * 28]), 422, "0.5 has a fraction"),
    "too bright": (
        JSON,
        json.dumps({"images": [[[256] * 28] * 28]}).encode(),
        422,
        "Image 1, row 1, column 1: 256 is out of range (0 to 255)",
    ),
    "negative": (JSON, sent([[[-1] * 28] * 28]), 422, "-1 is out of range"),
    "enormous": (JSON, sent([[[10**400] * 28] * 28]), 422, "40 digits or more"),
    "text": (JSON, sent([[["0"] * 28] * 28]), 422, "Text, and fields of other names"),
    "null": (JSON, sent([[[None] * 28] * 28]), 422, "null is not a number"),
    "truth": (JSON, sent([[[True] * 28] * 28]), 422, "true is not a number"),
    "one text among numbers": (JSON, sent([[[0] * 27 + ["9" * 99]] * 28]), 422, "Text"),
    "beyond a float": (
        JSON,
        json.dumps({"images": [[[10**38] * 28] * 28]}).encode(),
        422,
        "the number is out of range",
    ),
    "an object": (JSON, b'{"images": [{}]}', 422, "Text, and fields"),
    "ragged in one image of two": (JSON, sent([BLACK, BLACK[1:]]), 422, "Image 2 must be"),
    "a number among lists": (JSON, sent([BLACK, 7]), 422, "Image 2 must be 28 x 28"),
    "too many numbers": (JSON, b'{"images": [' + b"0," * 1_000_001 + b"0]}", 413, "too many numbers"),
    "too many lists": (JSON, b'{"images": [' + b"[]," * 400_001 + b"[]]}", 413, "400,000 lists"),
    "too many images": (JSON, sent([[0]] * 1_001), 413, "too many at once"),
    "another type": ("text/csv", b"0,0,0", 415, "multipart/form-data"),
    "no type": ("", b"0", 415, "multipart/form-data"),
    "form without boundary": ("multipart/form-data", b"abc", 400, "form cannot be read"),
    "broken form": (FORM, b"--y\r\nnonsense", 400, "form cannot be read"),
    "too many bytes": (JSON, b" " * (refusals.MOST_BYTES + 1), 413, "at most 16 MiB"),
}


@pytest.mark.parametrize(("kind", "body", "status", "words"), REFUSED_BODIES.values(), ids=REFUSED_BODIES.keys())
def test_a_bad_body_is_refused_in_a_sentence(
    client: TestClient, kind: str, body: bytes, status: int, words: str
) -> None:
    reply = client.post("/predict", content=body, headers={"content-type": kind})

    assert (reply.status_code, words in reply.json()["detail"]) == (status, True), reply.text


REFUSED_FILES: dict[str, tuple[Callable[[], list[bytes]], int, str]] = {
    "text": (lambda: [b"I am no picture"], 422, "not a picture"),
    "empty": (lambda: [b""], 422, "not a picture"),
    "half a picture": (lambda: [_cut(png())], 422, "cut off"),
    "a drawing program's file": (lambda: [b"%PDF-1.4\n"], 422, "not a picture"),
    "blank": (lambda: [_blank()], 422, "blank"),
    "the second of two": (lambda: [png(), b"x"], 422, "Picture 2"),
    "too many": (lambda: [png((30, 30))] * (refusals.MOST_PICTURES + 1), 413, "too many at once"),
    "far too many": (lambda: [b"x"] * (refusals.MOST_PICTURES + 2), 413, "Too many"),
}


def _blank() -> bytes:
    kept = io.BytesIO()
    Image.new("L", (100, 100), 200).save(kept, format="PNG")
    return kept.getvalue()


@pytest.mark.parametrize(("contents", "status", "words"), REFUSED_FILES.values(), ids=REFUSED_FILES.keys())
def test_a_bad_file_is_refused_in_a_sentence(
    client: TestClient, contents: Callable[[], list[bytes]], status: int, words: str
) -> None:
    reply = client.post("/predict", files=files(*contents()))

    assert (reply.status_code, words in reply.json()["detail"]) == (status, True), reply.text


@pytest.mark.slow
def test_a_decompression_bomb_is_refused_in_a_sentence(client: TestClient) -> None:
    test_a_bad_file_is_refused_in_a_sentence(client, lambda: [_zip_bomb()], 413, "million pixels")


def test_a_form_without_files_is_refused(client: TestClient) -> None:
    reply = client.post("/predict", files={"other": ("a", b"b")})

    assert (reply.status_code, "field `files`" in reply.json()["detail"]) == (422, True)


def test_a_body_of_unknown_length_is_cut_off(client: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 2**20

    reply = client.post("/predict", content=endless(), headers={"content-type": JSON})

    assert reply.status_code == 413


def test_production_and_versions_tell_who_serves(client: TestClient) -> None:
    serving = client.get("/production").json()
    listed = client.get("/versions").json()

    assert serving["shape"] == [28, 28, 1]
    assert serving["accuracy"] == {"value": 0.98, "low": 0.977, "high": 0.983}
    assert [version["in_production"] for version in listed] == [False, True]
    assert client.get(listed[1]["report"]).text.startswith("<!doctype html>")
    assert serving["report"] == listed[1]["report"]


def test_health_metrics_and_every_page_are_there(client: TestClient) -> None:
    client.post("/predict", json={"images": [BLACK]})

    assert client.get("/healthz").json()["status"] == "ok"
    assert client.get("/readyz").json() == {"status": "ready", "detail": None}
    metrics = client.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert 'http_request_seconds_count{method="POST",route="/predict",status="200"}' in metrics.text
    assert 'champion_info{dataset="mnist"' in metrics.text
    assert "champion_up_to_date 1.0" in metrics.text
    assert "20261121-134502-cnn-12000-7f3a" in client.get("/dashboard").text


LOST = {
    "no such page": ("GET", "/nothing", 404, "There is nothing at /nothing"),
    "not to be decoded": ("GET", "/%ff%00", 404, "There is nothing at /"),
    "wrong method": ("PUT", "/predict", 405, "/predict does not accept PUT"),
}


@pytest.mark.parametrize("name", LOST)
def test_who_is_lost_is_told_where_to_look(client: TestClient, name: str) -> None:
    method, path, status, sentence = LOST[name]
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["detail"].startswith(sentence)
    assert "/api shows" in answer.json()["detail"]


def test_a_browser_that_is_lost_gets_a_page(client: TestClient) -> None:
    for path in ("/nothing", "/versions/nothing/report.html"):
        answer = client.get(path, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert "<h1>Error 404</h1>" in answer.text and "There is no" in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_pages_answer_head_requests(client: TestClient) -> None:
    for path in ("/", "/dashboard"):
        answer = client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")


def test_every_answer_carries_a_strict_policy(client: TestClient) -> None:
    for path in ("/", "/static/main.js", "/dashboard", "/versions", "/nothing", "/openapi.json"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    report = client.get("/versions/20261121-134502-cnn-12000-7f3a/report.html").headers["content-security-policy"]
    assert "script" not in report


OUTSIDE = (
    "/versions/..%2f..%2fproduction/report.html",
    "/static/../app.py",
    "/static/%2e%2e/app.py",
    "/versions/x/report.html",
)


@pytest.mark.parametrize("path", OUTSIDE)
def test_no_other_file_is_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_report_that_was_deleted_is_said_to_be_gone(home: Home, promote: Promote) -> None:
    version = "20261121-134502-cnn-12000-7f3a"
    promote(constant_onnx((28, 28, 1), 1), version)
    (home.versions / version / "report.html").unlink()

    with TestClient(create_app(home)) as client:
        answer = client.get(f"/versions/{version}/report.html")
        dashboard = client.get("/dashboard").text

    assert answer.status_code == 404
    assert f"The report of {version} is gone" in answer.text
    assert version in dashboard
    assert f"{version}/report.html" not in dashboard


def test_the_exploration_of_the_dataset_is_in_the_header_of_all_pages(home: Home, promote: Promote) -> None:
    promote(constant_onnx((28, 28, 1), 1), "20261121-134502-cnn-12000-7f3a")
    explored(home, "digits", "1,797 images")
    with TestClient(create_app(home)) as client:
        assert client.get("/eda/mnist/index.html").status_code == 404
        assert "Exploration</a>" not in client.get("/").text, "the exploration of digits is not that of mnist"

        explored(home, "mnist", "360 images")
        for path in ("/", "/dashboard", "/api"):
            assert '<a href="/eda/mnist/index.html">Exploration</a>' in client.get(path).text, path
        page = client.get("/eda/mnist/index.html")
        assert "360 images" in page.text
        assert '<a href="/eda/mnist/index.html" aria-current="page">' in page.text
        assert '<a href="/dashboard">' in page.text
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script" not in policy
        other = client.get("/eda/digits/index.html").text
        assert "1,797 images" in other
        assert '<a href="/eda/mnist/index.html">Exploration</a>' in other
        assert '<a href="/eda/digits/index.html">digits</a>' in client.get("/dashboard").text


def test_of_an_exploration_only_its_own_files_are_served(home: Home, promote: Promote) -> None:
    promote(constant_onnx((28, 28, 1), 1), "20261121-134502-cnn-12000-7f3a")
    folder = explored(home, "mnist", "360 images")
    (folder / "label_errors.csv").write_text("part\nall\n")
    (folder / "notes.txt").write_text("secret")
    (home.root / "outside").mkdir()
    (home.root / "outside" / "out.csv").write_text("secret")
    (home.metric_results / "results.csv").write_text("secret")
    (folder / "linked.csv").symlink_to(home.root / "outside" / "out.csv")
    (folder.parent / "linked").symlink_to(home.root / "outside")
    with TestClient(create_app(home)) as client:
        listed = client.get("/eda/mnist/label_errors.csv")
        assert (listed.text, listed.headers["content-type"]) == ("part\nall\n", "text/csv; charset=utf-8")
        for name in ("notes.txt", "linked.csv", "..%2findex.html", "%2e%2e/results.csv", "<b>.png", "eda"):
            assert client.get(f"/eda/mnist/{name}").status_code == 404, name
        for dataset in ("linked/out.csv", "%2e%2e/results.csv", "%2e/results.csv", "digits/index.html", "index.html"):
            assert client.get(f"/eda/{dataset}").status_code == 404, dataset
        missing = client.get("/eda/digits/index.html").json()["detail"]
        assert missing.startswith("The exploration of 'digits' has no file 'index.html': `simulator.py explore` writes")


def test_the_dashboard_leads_to_the_pages_of_the_latest_batches(home: Home, promote: Promote) -> None:
    promote(constant_onnx((28, 28, 1), 1), "20261121-134502-cnn-12000-7f3a")
    folder = home.batch_pages / "my letters"
    folder.mkdir(parents=True)
    for day in range(1, 8):
        page = folder / f"2026112{day}-090000-ab12.html"
        header = html.header(navigation.on_disk(page, home.metric_results, "my letters"))
        page.write_text(f"<body>{header}<h1>Batch {day}</h1></body>")
    (folder / "notes.txt").write_text("secret")
    (home.root / "outside.html").write_text("secret")
    (folder / "0-linked.html").symlink_to(home.root / "outside.html")
    with TestClient(create_app(home)) as client:
        linked = re.findall(r'href="(/datasets/[^"]*)"', client.get("/dashboard").text)
        assert linked == [f"/datasets/my%20letters/2026112{day}-090000-ab12.html" for day in (7, 6, 5, 4, 3)]
        page = client.get(linked[0])
        assert "<h1>Batch 7</h1>" in page.text and '<a href="/dashboard">' in page.text
        assert "script" not in page.headers["content-security-policy"]
        for name in ("notes.txt", "0-linked.html", "..%2f..%2findex.html", "gone.html"):
            assert client.get(f"/datasets/my%20letters/{name}").status_code == 404, name


def explored(home: Home, dataset: str, heading: str) -> Path:
    """The folder of an exploration with a page that `explore` could have written."""
    page = home.exploration_of(dataset) / "index.html"
    written = html.header(navigation.on_disk(page, home.metric_results, dataset, "Exploration"))
    page.parent.mkdir(parents=True)
    page.write_text(f"<body>{written}<h1>{heading}</h1></body>")
    return page.parent


def test_only_named_hosts_are_answered(digits_home: Home) -> None:
    with TestClient(create_app(digits_home, allowed_hosts=["localhost"])) as client:
        assert client.get("/healthz", headers={"host": "rebound.example"}).status_code == 400
        assert client.get("/healthz", headers={"host": "localhost:8000"}).status_code == 200


def test_before_the_first_champion_everything_says_what_to_do(home: Home, promote: Promote) -> None:
    told: list[str] = []
    with TestClient(create_app(home, notify=told.append)) as client:
        assert client.get("/healthz").status_code == 200
        for reply in (
            client.get("/readyz"),
            client.get("/production"),
            client.post("/predict", json={"images": [BLACK]}),
        ):
            assert (reply.status_code, "simulator.py run" in reply.json()["detail"]) == (503, True)
        page = client.get("/")
        assert (page.status_code, "simulator.py run" in page.text) == (503, True)
        assert client.get("/dashboard").status_code == 200

        promote(constant_onnx(GREY, 3), "20261121-100000-cnn-600-aaaa")

        wait_until(lambda: client.get("/readyz").status_code == 200, "the first champion serves")
        wait_until(lambda: bool(told), "the log names it")
    assert told[0].endswith(", 20261121-100000-cnn-600-aaaa serves mnist.")


def test_before_the_first_champion_of_a_dataset_it_is_named_in_what_to_do(home: Home) -> None:
    with TestClient(create_app(home, "shapes")) as client:
        assert (
            '<code>python simulator.py run <span class="whole">--dataset</span> shapes</code>' in client.get("/").text
        )
        assert "`python simulator.py run --dataset shapes` trains" in client.get("/readyz").json()["detail"]


def test_an_error_page_leads_to_the_other_pages(client: TestClient) -> None:
    page = client.get("/eda/mnist/index.html", headers={"accept": "text/html"})
    assert page.status_code == 404
    assert "<code>simulator.py explore</code> writes it" in page.text
    for address in ("/", "/review", "/dashboard", "/api"):
        assert f'href="{address}"' in page.text
    nothing = client.get("/nothing", headers={"accept": "text/html"}).text
    assert "There is nothing at /nothing: /api shows the paths." in nothing


def _label(client: TestClient) -> str:
    reply = client.post("/predict", json={"images": [BLACK]})
    assert reply.status_code == 200, reply.text
    label: str = reply.json()["predictions"][0]["label"]
    return label


def test_promotion_and_rollback_are_picked_up_without_a_failed_request(home: Home, promote: Promote) -> None:
    three, five = constant_onnx(GREY, 3), constant_onnx(GREY, 5)
    told: list[str] = []
    promote(three, "20261121-100000-cnn-600-aaaa")
    with TestClient(create_app(home, notify=told.append)) as client:
        assert _label(client) == "3"
        promote(five, "20261121-110000-cnn-600-bbbb")
        wait_until(lambda: _label(client) == "5", "the new champion answers")
        promote(three, "20261121-100000-cnn-600-aaaa")
        wait_until(lambda: _label(client) == "3", "the old champion is back")
        wait_until(lambda: len(told) == 2, "the log names both")
    assert [sentence.partition(", ")[2] for sentence in told] == [
        "20261121-110000-cnn-600-bbbb serves mnist instead of 20261121-100000-cnn-600-aaaa.",
        "20261121-100000-cnn-600-aaaa serves mnist instead of 20261121-110000-cnn-600-bbbb.",
    ]


def _cut_model(deployment: Deployment) -> None:
    (deployment.folder / "model.onnx").write_bytes(b"damaged")


def _lose_model(deployment: Deployment) -> None:
    (deployment.folder / "model.onnx").unlink()


def _break_manifest(deployment: Deployment) -> None:
    (deployment.folder / "manifest.json").write_text("{")


@pytest.mark.parametrize("spoil", [_cut_model, _lose_model, _break_manifest])
def test_while_a_new_champion_is_damaged_the_old_one_serves(
    home: Home, promote: Promote, spoil: Callable[[Deployment], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.serving.champion.RETRY_SECONDS", 0.5)
    looking, check = threading.Lock(), ChampionWatch.check

    def check_alone(watch: ChampionWatch) -> None:
        with looking:
            check(watch)

    monkeypatch.setattr(ChampionWatch, "check", check_alone)
    promote(constant_onnx(GREY, 3), "20261121-100000-cnn-600-aaaa")
    with TestClient(create_app(home)) as client:
        with looking:  # the server sees the new champion only once it is damaged
            spoiled = _promote_spoiled(home, promote, spoil)

        wait_until(lambda: client.get("/readyz").json()["status"] == "outdated", "the damage is noticed")
        assert _label(client) == "3"
        assert client.get("/production").json()["problem"] == client.get("/readyz").json()["detail"]
        assert "champion_up_to_date 0.0" in client.get("/metrics").text

        promote(constant_onnx(GREY, 5), spoiled.id)
        wait_until(lambda: _label(client) == "5", "the repaired champion answers")
        assert client.get("/readyz").json()["status"] == "ready"


def _promote_spoiled(home: Home, promote: Promote, spoil: Callable[[Deployment], None]) -> Deployment:
    """Promote a version, its bundle damaged at the moment that it is named."""
    current = home.production_of("mnist") / "current.json"
    before = current.read_bytes()
    deployment = promote(constant_onnx(GREY, 5), "20261121-110000-cnn-600-bbbb")
    named = current.read_bytes()
    current.write_bytes(before)
    spoil(deployment)
    current.write_bytes(named)
    return deployment


def test_with_several_datasets_one_must_be_named(home: Home, promote: Promote) -> None:
    promote(constant_onnx(GREY, 3), "20261121-100000-cnn-600-aaaa")
    promote(constant_onnx((8, 8, 1), 5), "20261121-110000-cnn-600-bbbb", "digits", (8, 8, 1))

    with TestClient(create_app(home)) as client:
        assert "--dataset" in client.get("/readyz").json()["detail"]
    with TestClient(create_app(home, "digits")) as client:
        assert client.get("/production").json()["shape"] == [8, 8, 1]


def test_colour_images_are_served_too(home: Home, promote: Promote) -> None:
    promote(constant_onnx((32, 32, 3), 4), "20261121-100000-cnn-600-aaaa", "cifar", (32, 32, 3))
    with TestClient(create_app(home)) as client:
        reply = client.post("/predict?seen=true", files=files(png())).json()
        assert np.array(reply["predictions"][0]["seen"]).shape == (32, 32, 3)
        pixels = np.zeros((1, 32, 32, 3), int).tolist()
        assert client.post("/predict", json={"images": pixels}).json()["predictions"][0]["label"] == "4"


def test_a_damaged_version_does_not_hide_the_others(home: Home, promote: Promote) -> None:
    promote(constant_onnx(GREY, 3), "20261121-100000-cnn-600-aaaa")
    folder = write_version(home, "20261121-090000-cnn-600-cccc", constant_onnx(GREY, 1), "mnist", GREY)
    (folder / "scores.json").write_text("{")
    with TestClient(create_app(home)) as client:
        listed = client.get("/versions").json()
        assert [version["damage"] is None for version in listed] == [False, True]
        assert client.get("/dashboard").status_code == 200


def test_a_server_process_serves_without_tensorflow(digits_home: Home) -> None:
    heavy = ("tensorflow", "keras", "sklearn", "xgboost", "pandas", "matplotlib")
    code = (
        "import sys, pathlib\n"
        "from fastapi.testclient import TestClient\n"
        "from pipeline.serving.app import create_app\n"
        "from pipeline.store.home import Home\n"
        "with TestClient(create_app(Home(pathlib.Path(sys.argv[1])))) as client:\n"
        "    image = open(sys.argv[2], 'rb').read()\n"
        "    assert client.post('/predict', files={'files': ('a', image)}).status_code == 200\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    picture = digits_home.root / "seven.png"
    picture.write_bytes(png())
    done = subprocess.run(
        [sys.executable, "-c", code, digits_home.root, picture], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.slow
def test_serve_takes_who_connects_while_it_starts(digits_home: Home) -> None:
    with running(digits_home) as address:
        assert get_json(f"{address}/readyz")["status"] == "ready"
        assert address.startswith("http://127.0.0.1:")


def test_only_one_small_png_is_prepared_in_the_event_loop() -> None:
    drawing = png()
    vast = drawing[:16] + struct.pack(">II", 60_000, 60_000) + drawing[24:]

    assert inputs.is_small([drawing])
    for pictures in ([], [drawing, drawing], [drawing[:20]], [vast], [png(kind="GIF")]):
        assert not inputs.is_small(pictures)
    assert not inputs.is_small([drawing + bytes(inputs.SMALL_BYTES)])
