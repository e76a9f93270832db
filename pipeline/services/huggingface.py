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
    """The problem that the upload's process reported."""

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


@dataclass(frozen=True)
class CardEvaluation:
    """What a model was evaluated on, in the Hub's terms.

    Attributes:
        dataset_id: The id of a dataset on the Hub, or a plain name if it is not there.
        dataset_name: For a person.
        split: Which part of it.
        on_hub: Whether ``dataset_id`` names a dataset on the Hub, which the card then links.
        metrics: Measured values by the Hub's metric names: ``{"accuracy": 0.99}``.
    """

    dataset_id: str
    dataset_name: str
    split: str
    on_hub: bool
    metrics: Mapping[str, float]


def card_metadata(name: str, evaluation: CardEvaluation, tags: Sequence[str], licence: str) -> str:
    """Return the card's header, YAML, with the ``model-index`` that the Hub shows as evaluation results.

    Args:
        name: The model's name.
        evaluation: What it was evaluated on, and the results.
        tags: Words to find it by.
        licence: An identifier of the Hub: ``mit``.

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
            dataset_type=evaluation.dataset_id,
            dataset_name=evaluation.dataset_name,
            dataset_split=evaluation.split,
            metric_type=metric,
            metric_value=value,
        )
        for metric, value in evaluation.metrics.items()
    ]
    data = ModelCardData(
        model_name=name,
        library_name="onnx",
        license=licence,
        datasets=[evaluation.dataset_id] if evaluation.on_hub else None,
        metrics=list(evaluation.metrics),
        pipeline_tag="image-classification",
        tags=list(tags),
        eval_results=results,
    )
    return str(data.to_yaml())


def upload(
    folder: Path, repo_id: str, version_id: str, patience: Patience, *, private: bool, make_private: bool = False
) -> Published:
    """Make the repository hold exactly this folder, in one commit; nothing is sent that the Hub has.

    Args:
        folder: The files.
        repo_id: ``name/model``; the repository is created if it does not exist.
        version_id: For the commit's message.
        patience: How long to wait for the Hub.
        private: Whether the repository must be private: a new one is created so, an existing public one is refused.
        make_private: Make an existing public repository private instead of refusing it.

    Raises:
        ServiceError: It failed; the same call again completes it.
    """
    try:
        from huggingface_hub import get_token
    except ImportError as error:
        raise ServiceError(_NOT_INSTALLED) from error
    if not get_token():
        raise ServiceError(
            "There is no Hugging Face token: create one with write access under Settings, Access Tokens, on "
            "huggingface.co, and provide it as HF_TOKEN or with `hf auth login`."
        )
    deadline = patience.start()
    request: dict[str, Any] = {
        "folder": str(folder),
        "repo_id": repo_id,
        "version_id": version_id,
        "private": private or make_private,
        "make_private": make_private,
        "before": None,
    }
    outcome = persistent(partial(_upload_apart, request, deadline), _describe, patience, deadline)
    return Published(**outcome)


def _upload_apart(request: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    """Upload in a process of its own: the client's threads outlive any time limit, a killed process does not.

    What the repository held before the first attempt is kept in ``request`` for the next one.
    """
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
        outcome: dict[str, Any] = {}
        for line in done.stdout.splitlines():
            outcome |= json.loads(line)
    except subprocess.TimeoutExpired as error:
        raise NoAnswerError from error
    except (ValueError, TypeError):
        outcome = {}
    request["before"] = outcome.pop("before", request["before"])
    if "problem" in outcome:
        raise _UploadError(ServiceProblem(**outcome["problem"]))
    if not outcome:
        raise _UploadError(ServiceProblem("The upload ended without giving a reason: publish again."))
    return outcome


def _describe(error: BaseException) -> ServiceProblem:
    if isinstance(error, _UploadError):
        return error.problem
    return ServiceProblem(
        "Hugging Face did not answer within the time limit, and may have part of the files: publish again later, which "
        "completes it."
    )
