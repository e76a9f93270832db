"""The API against its own OpenAPI document: whatever is sent, it never fails and answers as documented."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pipeline.serving.app import create_app
from pipeline.store.home import Home

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
OPERATIONS = ["POST /predict", "GET /versions", "GET /production", "GET /healthz", "GET /readyz", "GET /metrics"]
VALID, INVALID = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
CASES = [*((label, VALID) for label in OPERATIONS), ("POST /predict", INVALID)]
"""The others take nothing that could be invalid."""


@pytest.fixture(scope="module")
def operations(digits_home: Home) -> dict[str, schemathesis.schemas.APIOperation]:
    document = schemathesis.openapi.from_asgi("/openapi.json", create_app(digits_home))
    return {operation.ok().label: operation.ok() for operation in document.get_all_operations()}


def test_every_operation_is_documented(operations: dict[str, schemathesis.schemas.APIOperation]) -> None:
    assert set(operations) == set(OPERATIONS)


@pytest.mark.parametrize(("label", "mode"), CASES)
def test_whatever_is_sent_is_answered_as_documented(
    operations: dict[str, schemathesis.schemas.APIOperation], label: str, mode: GenerationMode
) -> None:
    @settings(max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(operations[label].as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS)

    check()
