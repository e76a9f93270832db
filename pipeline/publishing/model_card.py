"""The model card: what a stranger should know before using a version, as Markdown."""

from pathlib import Path

from pipeline.contracts import Verdict
from pipeline.facts.manifest import Manifest
from pipeline.facts.scores import Scores
from pipeline.reports import formats

_TEMPLATE = "model_card.md"

CODE_SAMPLE = """\
import json
from pathlib import Path

import numpy as np
import onnxruntime

config = json.loads(Path("config.json").read_text())
session = onnxruntime.InferenceSession("model.onnx")

# Your images: uint8, [how many, height, width, channels].
images = np.zeros((2, *config["input"]["shape"]), np.uint8)

[probabilities] = session.run(None, {config["input"]["name"]: images})
for row in probabilities:
    print(config["classes"][row.argmax()], f"{row.max():.1%}")"""
"""A test runs it in the folder that is published."""


def render(
    manifest: Manifest,
    scores: Scores,
    verdict: Verdict,
    *,
    metadata: str,
    native: str,
    learning_curve: bool,
) -> str:
    """The whole ``README.md`` of a repository.

    Args:
        manifest, scores, verdict: As ``docs/version-folder.md`` describes them.
        metadata: The YAML between the first two lines of dashes.
        native: Name of the file with the model in its own format.
        learning_curve: Whether ``learning_curve.png`` stands beside the card.
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
        code_sample=CODE_SAMPLE,
        shape=f"{height} x {width}" + (f" x {channels}" if channels > 1 else ""),
    )


def escaped(value: object) -> str:
    """Text of others as it stands on a card: on one line, without a meaning in Markdown or HTML."""
    text = " ".join(str(value).split())
    for sign in "\\`*_[]<>|#":
        text = text.replace(sign, "\\" + sign)
    return text
