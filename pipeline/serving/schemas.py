"""The shapes of the API's requests and answers, for its OpenAPI document."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Prediction(BaseModel):
    """The prediction for one image."""

    label: str = Field(description="The most probable class.")
    probability: float = Field(description="Its probability, 0 to 1.")
    probabilities: dict[str, float] = Field(description="The probability of every class.")
    doubt: str | None = Field(
        default=None, description="Why not to rely on the answer, in a sentence; absent if nothing speaks against it."
    )
    prediction_id: str | None = Field(
        default=None, description="With `serve --log`: the id of this prediction, for `POST /feedback`."
    )
    seen: list[list[list[int]]] | None = Field(
        default=None, description="With `?seen=true`: the pixels that the model received, [height][width][channels]."
    )
    why: list[list[float]] | None = Field(
        default=None,
        description="With `?explain=true`: by how much the answer's probability falls, on average, when a square over "
        "the pixel is covered, [height][width]; negative where it rises.",
    )


class Predictions(BaseModel):
    """The prediction for each image, in the order of the request."""

    dataset: str
    version: str = Field(description="The champion that answered.")
    predictions: list[Prediction]


class Feedback(BaseModel):
    """What an image shows, according to a user."""

    model_config = ConfigDict(extra="forbid")

    prediction_id: str = Field(max_length=100, description="As `POST /predict` returned it.")
    label: str | None = Field(max_length=100, description="The class; null for none of them.")


class Kept(BaseModel):
    """What the server keeps of predictions."""

    images: int = Field(description="Predictions at most.")
    days: float = Field(description="Their age at most.")
    feedback: bool = Field(description="Whether this client may send `POST /feedback`, and somebody reviews it.")


class Production(BaseModel):
    """The version that is served."""

    dataset: str
    id: str
    digest: str
    recipe: str
    previous_id: str | None
    action: str
    reason: str
    promoted_at: str
    classes: list[str]
    shape: list[int] = Field(description="Height, width and channels of the images it takes.")
    accuracy: dict[str, float] = Field(description="On the benchmark: value and 95 % interval (low, high).")
    report: str | None = Field(description="Path of its report on this server.")
    problem: str | None = Field(description="Why a newer champion could not be loaded; this one is served meanwhile.")
    log: Kept | None = Field(description="How predictions are logged; null if they are not.")


class VersionSummary(BaseModel):
    """One version."""

    id: str
    dataset: str | None
    recipe: str | None
    train_size: int | None
    created_at: str | None
    accuracy: dict[str, float | None] | None
    outcome: str = Field(description="Of its latest verdict.")
    judged_at: str
    judgements: int
    in_production: bool
    was_in_production: bool
    override: str | None
    damage: str | None
    report: str | None = Field(description="Path of its report on this server.")


class Answer(BaseModel):
    """A state in a word, and a sentence where there is more to say."""

    status: str
    detail: str | None = None


class Problem(BaseModel):
    """A refusal."""

    detail: str = Field(description="What is wrong and what to do, in a sentence.")


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body cannot be parsed."},
    408: {"model": Problem, "description": "The body took too long."},
    413: {"model": Problem, "description": "Too many bytes, pixels or images."},
    415: {"model": Problem, "description": "Neither JSON nor a form."},
    422: {"model": Problem, "description": "No image, or not one that the model takes."},
    503: {"model": Problem, "description": "There is no champion yet, or too many large uploads wait."},
}
FEEDBACK: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body cannot be parsed."},
    401: {"model": Problem, "description": "The token is missing."},
    403: {
        "model": Problem,
        "description": "The server has no token or keeps no predictions, or a page of another site sent this.",
    },
    404: {"model": Problem, "description": "The prediction is not in the log."},
    409: {"model": Problem, "description": "Nothing of this dataset is reviewed."},
    422: {"model": Problem, "description": "Not a prediction id, or not a class."},
    503: {"model": Problem, "description": "There is no champion yet, or the disk fails."},
}
NOT_READY: dict[int | str, dict[str, Any]] = {503: {"model": Problem, "description": "There is no champion yet."}}
UNREADABLE: dict[int | str, dict[str, Any]] = {503: {"model": Problem, "description": "What is on disk is damaged."}}
REPORT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}}},
    404: {"model": Problem, "description": "No version has such a report."},
}
REPORT_LINK: dict[int | str, dict[str, Any]] = {
    200: {
        "links": {
            "report": {
                "operationId": "report_versions__version_id__report_html_get",
                "parameters": {"version_id": "$response.body#/0/id"},
                "description": "The report of the oldest version, if it passed.",
            }
        }
    }
}
