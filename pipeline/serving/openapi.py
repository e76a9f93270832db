"""The API's OpenAPI document: exact for the champion that is served, with examples that get a 200."""

from copy import deepcopy
from typing import Any

import numpy as np
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from numpy.typing import NDArray

from pipeline.serving import access
from pipeline.serving.champion import Champion
from pipeline.serving.refusals import MOST_BYTES, MOST_IMAGES, MOST_PICTURES

DESCRIPTION = 'Classify small images with the model in production. Every refusal is `{"detail": sentence}`.'
UNSERVED = (28, 28, 1)
"""The shape that is shown before the first champion."""
NO_PREDICTION = "01a1ffe1-2aa9-7ad3-9c51-5b8f0c3e7d42"
"""An id of the right form, for an example."""
BEARER: dict[str, Any] = {
    "type": "http",
    "scheme": "bearer",
    "description": "The token in `serve --token-file`, or the one that `serve` prints.",
}


def document(app: FastAPI, champion: Champion | None, *, protected: bool, keeps: bool) -> dict[str, Any]:
    """Return the document.

    Args:
        app: Whose routes are described; what does not depend on the champion is kept in it.
        champion: Whose images the request of ``POST /predict`` holds.
        protected: Whether a token is needed.
        keeps: Whether the server keeps predictions and has a token, so that they can be corrected and deleted;
            otherwise these operations are left out.
    """
    if app.openapi_schema is None:
        app.openapi_schema = get_openapi(
            title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes
        )
    described = deepcopy(app.openapi_schema)
    shape = champion.shape if champion else UNSERVED
    described["paths"]["/predict"]["post"]["requestBody"] = _predict_body(shape)
    if not keeps:
        described["paths"] = {path: way for path, way in described["paths"].items() if not access.is_private(path)}
    if champion:
        _name_champion(described["paths"], champion)
    described["components"]["securitySchemes"] = {"bearer": BEARER}
    for path in filter(access.is_private, described["paths"]):
        for operation in described["paths"][path].values():
            operation["security"] = [{"bearer": []}]
    if protected:
        described["security"] = [{"bearer": []}]
        described["paths"]["/healthz"]["get"]["security"] = []
    return described


def _name_champion(paths: dict[str, Any], champion: Champion) -> None:
    """Give each version that a path names the champion as its example, and feedback one of its classes."""
    parameters = (one for path in paths.values() for way in path.values() for one in way.get("parameters", ()))
    for parameter in parameters:
        if parameter["name"] == "version_id":
            parameter["example"] = champion.deployment.id
    if "/feedback" in paths:
        example = {"prediction_id": NO_PREDICTION, "label": champion.classes[0]}
        paths["/feedback"]["post"]["requestBody"]["content"]["application/json"]["example"] = example


def _predict_body(shape: tuple[int, int, int]) -> dict[str, Any]:
    return {
        "required": True,
        "content": {"application/json": _pixels(shape), "multipart/form-data": _files()},
    }


def _pixels(shape: tuple[int, int, int]) -> dict[str, Any]:
    sides = shape[:2] if shape[2] == 1 else shape
    image: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 255}
    for side in reversed(sides):
        image = {"type": "array", "minItems": side, "maxItems": side, "items": image}
    images = {
        "type": "array",
        "minItems": 1,
        "maxItems": MOST_IMAGES,
        "description": "Images exactly as the model takes them: rows of pixels from 0 to 255 (`GET /production` gives "
        f"the shape), at most {MOST_IMAGES:,} in a request. Nothing is centred or scaled. One channel may also be "
        "written as lists of one number.",
        "items": image,
    }
    properties = {"images": images}
    schema = {"type": "object", "required": ["images"], "additionalProperties": False, "properties": properties}
    drawn = _drawing(shape).reshape(sides).tolist()
    return {"schema": schema, "examples": {"stroke": {"summary": "One stroke", "value": {"images": [drawn]}}}}


def _files() -> dict[str, Any]:
    files = {
        "type": "array",
        "minItems": 1,
        "maxItems": MOST_PICTURES,
        "description": f"At most {MOST_PICTURES} pictures and {MOST_BYTES // 2**20} MiB in a request, one digit or "
        "object each, of any size: PNG, JPEG, WebP, BMP, GIF, TIFF or PPM. Digits may be dark on light or light on "
        "dark; they are centred and scaled as the training images were.",
        "items": {"type": "string", "format": "binary"},
    }
    return {"schema": {"type": "object", "required": ["files"], "properties": {"files": files}}}


def _drawing(shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return a slanted stroke, light on black, ``[H, W, C]``."""
    height, width, _ = shape
    down, across = np.ogrid[:height, :width]
    middle = width * (0.6 - 0.2 * down / height)
    inside = (np.abs(across - middle) < 0.07 * width) & (down >= 0.15 * height) & (down < 0.85 * height)
    return np.repeat(np.where(inside, 255, 0).astype(np.uint8)[..., None], shape[2], axis=2)
