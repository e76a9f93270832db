"""The upload itself, as a process that can be killed: reads a request as JSON, writes what happened as JSON lines."""

import json
import sys
from dataclasses import asdict
from typing import Any

from pipeline.services.calls import ServiceProblem, retry_after
from pipeline.services.redaction import clean


class _PublicRepositoryError(Exception):
    """A repository that should be private exists and is public."""


def main() -> None:
    """Upload what standard input asks for; the last line of standard output is the outcome or the problem."""
    request = json.loads(sys.stdin.read())
    try:
        outcome = _push(**request)
    except Exception as error:  # whatever it is, it becomes a sentence, without a traceback that may carry secrets
        outcome = {"problem": asdict(_describe(error, request["repo_id"]))}
    _write(outcome)


def _push(
    *, folder: str, repo_id: str, version_id: str, private: bool, make_private: bool, before: str | None
) -> dict[str, Any]:
    from huggingface_hub import HfApi

    api = HfApi()
    address = str(api.create_repo(repo_id, private=private, exist_ok=True))
    facts = api.model_info(repo_id)
    if private and not facts.private:
        if not make_private:
            raise _PublicRepositoryError
        api.update_repo_settings(repo_id, private=True)
    before = before or facts.sha
    _write({"before": before})  # known to the next attempt, if this one's commit is accepted and its answer lost
    commit = api.upload_folder(
        repo_id=repo_id,
        folder_path=folder,
        commit_message=f"Version {version_id}",
        delete_patterns="*",
    )
    return {"address": address, "changed": commit.oid != before}


def _write(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _describe(error: BaseException, repo_id: str) -> ServiceProblem:
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    if isinstance(error, RuntimeError) and error.__cause__ is not None:  # how the client reports a failed large file
        error = error.__cause__
    response = getattr(error, "response", None)
    if response is not None:
        return _refusal(response, repo_id)
    sentences: list[tuple[Any, str, bool]] = [
        (
            _PublicRepositoryError,
            f"{repo_id} exists and is public, so nothing was uploaded: choose another name, or make it private with "
            "--make-private.",
            False,
        ),
        (
            HFValidationError,
            f"'{_clean(repo_id)}' is not the name of a repository: use your-name/your-model.",
            False,
        ),
        # Its base is HTTPError of httpx or of httpx2, by version, and every failing connection is one.
        (
            (*HfHubHTTPError.__bases__, OSError),
            "The connection to Hugging Face failed or was cut: check the network and publish again.",
            True,
        ),
        ((ValueError, KeyError, TypeError), "Hugging Face's answer cannot be read: publish again later.", True),
        (BaseException, f"Hugging Face's client failed: {_clean(error)}.", False),
    ]
    return next(
        ServiceProblem(sentence, temporary) for kinds, sentence, temporary in sentences if isinstance(error, kinds)
    )


def _refusal(response: Any, repo_id: str) -> ServiceProblem:
    status = response.status_code
    reason = _clean(response.headers.get("X-Error-Message") or _body_reason(response) or "no reason given")
    wait = retry_after(response.headers.get("Retry-After"))
    if status == 429:
        return ServiceProblem(f"Hugging Face is limiting requests (429): {reason}.", True, wait)
    if status >= 500:
        return ServiceProblem(f"Hugging Face has an internal problem ({status}): publish again later.", True, wait)
    sentences = {
        400: f"Hugging Face does not accept the files (400): {reason}.",
        401: "Hugging Face rejected the token (401): create a new one with write access and set HF_TOKEN.",
        403: f"The token may not write to {repo_id} (403): use one with write access to it ({reason}).",
        404: f"This token sees no repository {repo_id} (404): check the name and the token's permissions.",
        413: f"A file is too large for {repo_id} (413): publish a smaller model, or raise the repository's limits.",
    }
    return ServiceProblem(sentences.get(status, f"Hugging Face refused ({status}): {reason}."), no_effect=True)


def _body_reason(response: Any) -> str:
    try:
        return str(response.json().get("error") or "")
    except Exception:  # a body that was never read, is not JSON, or is not an object: there is no reason in it
        return ""


def _clean(text: object) -> str:
    from huggingface_hub import get_token

    return clean(text, filter(None, [get_token()]))


if __name__ == "__main__":
    main()
