"""The upload itself, as a process that can be killed: reads what to do as JSON, writes what became of it as JSON."""

import json
import sys
from dataclasses import asdict
from typing import Any

from pipeline.services.calls import ServiceProblem, redact, retry_after


def main() -> None:
    """Upload what standard input asks for; the last line of standard output is the outcome or the problem."""
    request = json.loads(sys.stdin.read())
    try:
        outcome = _push(**request)
    except Exception as error:  # whatever it is, it is told as a sentence, without a traceback that may carry secrets
        outcome = {"problem": asdict(_describe(error, request["repo_id"]))}
    sys.stdout.write(json.dumps(outcome) + "\n")


def _push(folder: str, repo_id: str, version_id: str, private: bool) -> dict[str, Any]:
    from huggingface_hub import HfApi

    api = HfApi()
    address = str(api.create_repo(repo_id, private=private, exist_ok=True))
    before = api.model_info(repo_id).sha
    commit = api.upload_folder(
        repo_id=repo_id,
        folder_path=folder,
        commit_message=f"Version {version_id}",
        delete_patterns="*",
    )
    return {"address": address, "changed": commit.oid != before}


def _describe(error: BaseException, repo_id: str) -> ServiceProblem:
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    if isinstance(error, HFValidationError):
        return ServiceProblem(f"'{repo_id}' is no name of a repository: give it as your-name/your-model.")
    if isinstance(error, HfHubHTTPError):
        return _refusal(error.response, repo_id)
    # Its base is HTTPError of httpx or of httpx2, by version, and every failing connection is one.
    if isinstance(error, (*HfHubHTTPError.__bases__, OSError)):
        return ServiceProblem(
            "The connection to Hugging Face was cut or not made: check the network and publish again.", temporary=True
        )
    if isinstance(error, ValueError | KeyError | TypeError):
        return ServiceProblem(
            "Hugging Face answered with something that cannot be read: publish again later.", temporary=True
        )
    return ServiceProblem(f"Hugging Face's client failed: {_clean(str(error))}.")


def _refusal(response: Any, repo_id: str) -> ServiceProblem:
    status = response.status_code
    reason = _clean(response.headers.get("X-Error-Message") or _body_reason(response) or "no reason given")
    wait = retry_after(response.headers.get("Retry-After"))
    if status == 429:
        return ServiceProblem(f"Hugging Face takes no more requests for now (429): {reason}.", True, wait)
    if status >= 500:
        return ServiceProblem(f"Hugging Face has a problem of its own ({status}): publish again later.", True, wait)
    sentences = {
        400: f"Hugging Face does not take the files (400): {reason}.",
        401: "Hugging Face does not accept the token (401): make a new one with write access and set HF_TOKEN.",
        403: f"The token may not write to {repo_id} (403): use one with write access to it ({reason}).",
        404: f"There is no repository {repo_id} that this token can see (404): check the name and the token's rights.",
    }
    return ServiceProblem(sentences.get(status, f"Hugging Face refused ({status}): {reason}."), refused=True)


def _body_reason(response: Any) -> str:
    try:
        return str(response.json().get("error") or "")
    except (ValueError, AttributeError):
        return ""


def _clean(text: str) -> str:
    from huggingface_hub import get_token

    return redact(" ".join(text.split())[:300], filter(None, [get_token()])).rstrip(".")


if __name__ == "__main__":
    main()
