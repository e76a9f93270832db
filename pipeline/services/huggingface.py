"""The Hugging Face Hub through its own client: the card's metadata, and one folder as one repository."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.errors import ServiceError
from pipeline.services.calls import Deadline, NoAnswerError, Patience, ServiceProblem, persistent

_NOT_INSTALLED = "The Hugging Face client is not installed: `pip install huggingface_hub`."
_UPLOAD_MODULE = "pipeline.services.huggingface_upload"


class _UploadError(Exception):
    """What the upload's process said went wrong."""

    def __init__(self, problem: ServiceProblem) -> None:
        super().__init__(problem.sentence)
        self.problem = problem


@dataclass(frozen=True)
class Published:
    """What is on the Hub now.

    Attributes:
        address: The repository's page.
        changed: Whether anything was uploaded; false where the Hub had it all.
    """

    address: str
    changed: bool


def card_metadata(name: str, dataset: str, metrics: Mapping[str, float], tags: Sequence[str]) -> str:
    """The card's header, YAML, with the ``model-index`` that the Hub shows as evaluation results.

    Args:
        name: The model's name.
        dataset: What it was evaluated on.
        metrics: Measured values by the Hub's metric names: ``{"accuracy": 0.99}``.
        tags: Words to find it by.

    Raises:
        ServiceError: The client is not installed.
    """
    try:
        from huggingface_hub import EvalResult, ModelCardData
    except ImportError as error:
        raise ServiceError(_NOT_INSTALLED) from error
    results = [
        EvalResult(
            task_type="image-classification",
            dataset_type=dataset,
            dataset_name=dataset,
            dataset_split="test",
            metric_type=metric,
            metric_value=value,
        )
        for metric, value in metrics.items()
    ]
    data = ModelCardData(
        model_name=name,
        library_name="onnx",
        pipeline_tag="image-classification",
        tags=list(tags),
        eval_results=results,
    )
    return str(data.to_yaml())


def upload(folder: Path, repo_id: str, version_id: str, patience: Patience, *, private: bool) -> Published:
    """Make the repository hold exactly this folder, in one commit; nothing is sent that the Hub has.

    Args:
        folder: The files.
        repo_id: ``name/model``; the repository is made if it is not there.
        version_id: For the commit's message.
        patience: How long the Hub is waited for.
        private: Whether a repository made now is private.

    Raises:
        ServiceError: It did not work out; the same call again completes it.
    """
    try:
        from huggingface_hub import get_token
    except ImportError as error:
        raise ServiceError(_NOT_INSTALLED) from error
    if not get_token():
        raise ServiceError(
            "There is no Hugging Face token: make one with write access under Settings, Access Tokens, on "
            "huggingface.co, and give it as HF_TOKEN or with `hf auth login`."
        )
    deadline = patience.start()
    request = {"folder": str(folder), "repo_id": repo_id, "version_id": version_id, "private": private}
    outcome = persistent(partial(_upload_apart, request, deadline), _describe, patience, deadline)
    return Published(**outcome)


def _upload_apart(request: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
    """Upload in a process of its own: the client's threads outlive any time limit, a killed process does not."""
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    try:
        done = subprocess.run(
            [sys.executable, "-m", _UPLOAD_MODULE],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=max(deadline.left(), 0.01),
            env=os.environ | {"PYTHONPATH": path},
            check=False,
        )
        outcome: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired as error:
        raise NoAnswerError from error
    except (ValueError, IndexError) as error:
        raise _UploadError(ServiceProblem("The upload broke off without a word: publish again.")) from error
    if "problem" in outcome:
        raise _UploadError(ServiceProblem(**outcome["problem"]))
    return outcome


def _describe(error: BaseException) -> ServiceProblem:
    if isinstance(error, _UploadError):
        return error.problem
    return ServiceProblem("Hugging Face did not answer within the time limit: publish again later, which completes it.")
