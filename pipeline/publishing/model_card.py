"""The model card: what a stranger should know before using a version, as Markdown."""

from pathlib import Path

from pipeline.contracts import Verdict
from pipeline.facts.manifest_facts import Manifest
from pipeline.facts.score_facts import Scores
from pipeline.reports import formats
from pipeline.text import plain

_TEMPLATE = "model_card.md"

_CODE_SAMPLE = """\
import json

import numpy as np
import onnxruntime
from huggingface_hub import hf_hub_download

repository = {repository!r}
with open(hf_hub_download(repository, "config.json"), encoding="utf-8") as file:
    config = json.load(file)
session = onnxruntime.InferenceSession(hf_hub_download(repository, "model.onnx"))

# Your images: uint8, [how many, height, width, channels].
images = np.zeros((2, *config["input"]["shape"]), np.uint8)

[probabilities] = session.run(None, {{config["input"]["name"]: images}})
for row in probabilities:
    print(config["classes"][row.argmax()], f"{{row.max():.1%}}")"""
UNPUBLISHED = "your-name/your-model"


def code_sample(repo_id: str | None) -> str:
    """Return the program that the card shows; a test runs it against a published repository."""
    return _CODE_SAMPLE.format(repository=repo_id or UNPUBLISHED)


def render(
    manifest: Manifest,
    scores: Scores,
    verdict: Verdict,
    *,
    metadata: str,
    native: str,
    repo_id: str | None,
    learning_curve: bool,
) -> str:
    """Return the whole ``README.md`` of a repository.

    Args:
        manifest, scores, verdict: As ``docs/version-folder.md`` describes them.
        metadata: The YAML between the first two lines of dashes.
        native: Name of the file with the model in its own format.
        repo_id: Where it is published, ``None`` if it is not yet.
        learning_curve: Whether ``learning_curve.png`` is beside the card.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for name in ("percent", "interval", "count", "decimal"):
        environment.filters[name] = getattr(formats, name)
    environment.filters["text"] = escaped
    height, width, channels = manifest.dataset.shape
    return environment.get_template(_TEMPLATE).render(
        manifest=manifest,
        scores=scores,
        verdict=verdict,
        metadata=metadata.strip(),
        native=native,
        learning_curve=learning_curve,
        code_sample=code_sample(repo_id),
        shape=f"{height} x {width}" + (f" x {channels}" if channels > 1 else ""),
    )


def escaped(value: object) -> str:
    """Return text from outside on one line, without a meaning in Markdown or HTML."""
    text = plain(value, 5000)
    for sign in "\\`*_[]<>|#":
        text = text.replace(sign, "\\" + sign)
    return text
