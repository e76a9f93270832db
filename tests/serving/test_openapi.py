"""The API against its own OpenAPI document: whatever is sent, it never fails and answers as documented."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from kept import BEARER, TOKEN
from PIL import Image, ImageDraw
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from served import Promote, constant_onnx, install_version

from pipeline.serving import openapi
from pipeline.serving.app import create_app
from pipeline.serving.keeping import Keeping
from pipeline.serving.refusals import MOST_BYTES, MOST_IMAGES, MOST_PICTURES
from pipeline.store.home import Home
from pipeline.store.served_upkeep import Limits

ROOT = Path(__file__).parents[2]

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
REPORT = "GET /versions/{version_id}/report.html"
OPERATIONS = [
    "POST /predict",
    "GET /versions",
    "GET /production",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    REPORT,
    "POST /feedback",
    "DELETE /predictions/{prediction_id}",
]
VALID, INVALID = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
CASES = [*((label, VALID) for label in OPERATIONS), ("POST /predict", INVALID), ("POST /feedback", INVALID)]
"""The others take nothing that could be invalid."""
SMALL = (6, 5, 1)
FEW = settings(max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
Operations = dict[str, schemathesis.schemas.APIOperation]


@st.composite
def pictures(choose: st.DrawFn) -> bytes:
    """A line on paper, as a PNG or JPEG."""
    picture = Image.new("L", (choose(st.integers(20, 90)), choose(st.integers(20, 90))), 255)
    ends = [(choose(st.integers(3, 17)), choose(st.integers(3, 17))) for _ in range(2)]
    ImageDraw.Draw(picture).line([ends[0], (ends[1][0] + 3, ends[1][1])], fill=0, width=3)
    kept = io.BytesIO()
    picture.save(kept, choose(st.sampled_from(["PNG", "JPEG"])))
    return kept.getvalue()


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[schemathesis.BaseSchema]:
    """The document of a champion for 6 x 5 pixels: valid images of 28 x 28 take seconds to generate."""
    schemathesis.openapi.format("binary", pictures())
    home = Home(tmp_path_factory.mktemp("small"))
    install_version(home, constant_onnx(SMALL, 4), "20261121-100000-cnn-600-aaaa", "small", SMALL)
    app = create_app(home, private_token=TOKEN, keeping=Keeping(Limits(1_000, 30)))
    with TestClient(app):
        yield schemathesis.openapi.from_asgi("/openapi.json", app)


@pytest.fixture(scope="module")
def operations(document: schemathesis.BaseSchema) -> Operations:
    return {operation.ok().label: operation.ok() for operation in document.get_all_operations()}


def test_every_operation_is_documented(operations: Operations) -> None:
    assert set(operations) == set(OPERATIONS)


@pytest.mark.parametrize(("label", "mode"), CASES)
def test_whatever_is_sent_is_answered_as_documented(operations: Operations, label: str, mode: GenerationMode) -> None:
    @FEW
    @given(operations[label].as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS, headers=BEARER)

    check()


def test_valid_requests_are_predicted(operations: Operations) -> None:
    statuses: dict[str | None, list[int]] = {}

    @FEW
    @given(operations["POST /predict"].as_strategy(generation_mode=VALID))
    def check(case: schemathesis.Case) -> None:
        statuses.setdefault(case.media_type, []).append(case.call().status_code)

    check()
    assert set(statuses) == {"application/json", "multipart/form-data"}
    for found in statuses.values():
        assert found.count(200) >= 0.8 * len(found), statuses


def test_the_documents_examples_are_predicted(client_of_digits: TestClient) -> None:
    body = client_of_digits.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
    for example in body["application/json"]["examples"].values():
        reply = client_of_digits.post("/predict", json=example["value"])
        assert (reply.status_code, reply.json()["predictions"][0]["label"]) == (200, "1")


def test_document_and_docs_state_what_a_request_may_hold(client_of_digits: TestClient) -> None:
    body = client_of_digits.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
    files = body["multipart/form-data"]["schema"]["properties"]["files"]
    images = body["application/json"]["schema"]["properties"]["images"]
    assert f"At most {MOST_PICTURES} pictures and {MOST_BYTES // 2**20} MiB in a request" in files["description"]
    assert f"at most {MOST_IMAGES:,} in a request" in images["description"]
    stated = f"at most {MOST_PICTURES} files, or {MOST_IMAGES:,} images as pixels, and {MOST_BYTES // 2**20} MiB"
    assert stated in (ROOT / "docs" / "serving.md").read_text()


@pytest.mark.parametrize(("logs", "token"), [(True, TOKEN), (True, None), (False, TOKEN)])
def test_what_this_server_does_not_offer_is_refused_and_not_documented(
    digits_home: Home, logs: bool, token: str | None
) -> None:
    keeping = Keeping(Limits(1_000, 30)) if logs else None
    with TestClient(create_app(digits_home, private_token=token, keeping=keeping)) as client:
        documented = {"/feedback", "/predictions/{prediction_id}"} & client.get("/openapi.json").json()["paths"].keys()
        reply = client.delete(f"/predictions/{openapi.NO_PREDICTION}", headers=BEARER)
    offered = logs and token is not None
    assert (reply.status_code, len(documented)) == ((404, 2) if offered else (403, 0))


@pytest.fixture
def client_of_digits(digits_home: Home) -> Iterator[TestClient]:
    with TestClient(create_app(digits_home)) as client:
        yield client


def test_the_document_describes_the_champions_images(home: Home, promote: Promote) -> None:
    with TestClient(create_app(home)) as client:
        assert _sides(client) == [28, 28], "before the first champion"
    promote(constant_onnx((32, 30, 3), 4), "20261121-100000-cnn-600-aaaa", "cifar", (32, 30, 3))
    with TestClient(create_app(home)) as client:
        assert _sides(client) == [32, 30, 3]
        content = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
        example = content["application/json"]["examples"]["stroke"]["value"]
        assert client.post("/predict", json=example).status_code == 200


def _sides(client: TestClient) -> list[int]:
    content = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
    level, sides = content["application/json"]["schema"]["properties"]["images"]["items"], []
    while level["type"] == "array":
        assert level["minItems"] == level["maxItems"]
        sides.append(level["minItems"])
        level = level["items"]
    return sides


def test_any_sequence_of_requests_is_answered_as_documented(document: schemathesis.BaseSchema) -> None:
    machine = document.as_state_machine()
    machine.TestCase.settings = settings(FEW, max_examples=10, stateful_step_count=6, phases=[Phase.generate])
    machine.run(settings=machine.TestCase.settings)
