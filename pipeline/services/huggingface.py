"""The Hugging Face Hub through its own client: the card's metadata, and one folder as one repository."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.errors import ServiceError
from pipeline.services.calls import NoAnswerError, Patience, Problem, persistent, redact, retry_after

COMMIT_MESSAGE = "Version {version}"


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
        from huggingface_hub import HfApi, get_token
    except ImportError as error:
        raise ServiceError(_NOT_INSTALLED) from error
    if not get_token():
        raise ServiceError(
            "There is no Hugging Face token: make one with write access under Settings, Access Tokens, on "
            "huggingface.co, and give it as HF_TOKEN or with `hf auth login`."
        )
    api, deadline = HfApi(), patience.start()
    describe = partial(_describe, repo_id=repo_id)

    def push() -> Published:
        address = str(api.create_repo(repo_id, private=private, exist_ok=True))
        before = api.model_info(repo_id).sha
        commit = api.upload_folder(
            repo_id=repo_id,
            folder_path=folder,
            commit_message=COMMIT_MESSAGE.format(version=version_id),
            delete_patterns="*",
        )
        return Published(address, commit.oid != before)

    return persistent(push, describe, patience, deadline)


_NOT_INSTALLED = "The Hugging Face client is not installed: `pip install huggingface_hub`."


def _describe(error: BaseException, repo_id: str) -> Problem:
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    if isinstance(error, NoAnswerError):
        return Problem("Hugging Face did not answer within the time limit: publish again later, which completes it.")
    if isinstance(error, HFValidationError):
        return Problem(f"'{repo_id}' is no name of a repository: give it as your-name/your-model.")
    if isinstance(error, HfHubHTTPError):
        return _refusal(error.response, repo_id)
    # Its base is HTTPError of httpx or of httpx2, by version, and every failing connection is one.
    if isinstance(error, (*HfHubHTTPError.__bases__, OSError)):
        return Problem(
            "The connection to Hugging Face was cut or not made: check the network and publish again.", temporary=True
        )
    if isinstance(error, ValueError | KeyError | TypeError):
        return Problem("Hugging Face answered with something that cannot be read: publish again later.", temporary=True)
    return Problem(f"Hugging Face's client failed: {_clean(str(error))}.")


def _refusal(response: Any, repo_id: str) -> Problem:
    status = response.status_code
    reason = _clean(response.headers.get("X-Error-Message") or _body_reason(response) or "no reason given")
    wait = retry_after(response.headers.get("Retry-After"))
    if status == 429:
        return Problem(f"Hugging Face takes no more requests for now (429): {reason}.", True, wait)
    if status >= 500:
        return Problem(f"Hugging Face has a problem of its own ({status}): publish again later.", True, wait)
    sentences = {
        400: f"Hugging Face does not take the files (400): {reason}.",
        401: "Hugging Face does not accept the token (401): make a new one with write access and set HF_TOKEN.",
        403: f"The token may not write to {repo_id} (403): use one with write access to it ({reason}).",
        404: f"There is no repository {repo_id} that this token can see (404): check the name and the token's rights.",
    }
    return Problem(sentences.get(status, f"Hugging Face refused ({status}): {reason}."), refused=True)


def _body_reason(response: Any) -> str:
    try:
        return str(response.json().get("error") or "")
    except (ValueError, AttributeError):
        return ""


def _clean(text: str) -> str:
    return redact(" ".join(text.split())[:300], {os.environ.get("HF_TOKEN", "")} - {""}).rstrip(".")
