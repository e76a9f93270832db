"""The parameters of our own CNN, alone and as an ensemble."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.contracts import EffortName
from pipeline.models.parameters import Parameters
from pipeline.models.search_space import Searched

ArchitectureName = Literal["pooled", "deep"]


class CnnParameters(Parameters):
    """What `cnn` can be given."""

    effort: EffortName = Field(
        "standard", description="How much time to spend on accuracy: the network's width and number of steps."
    )
    epochs: int = Field(0, ge=0, le=10_000, description="Passes over the training images; 0: set by the effort.")
    batch_size: int = Field(0, ge=0, le=1_000_000, description="Images per step; 0: chosen for the device.")
    learning_rate: Annotated[float, Searched(0.03, 0.4, log=True)] = Field(
        0.12, ge=1e-9, le=1e9, description="Peak learning rate of the one-cycle schedule."
    )
    weight_decay: Annotated[float, Searched(0.001, 0.1, log=True)] = Field(
        0.01, ge=0, le=10, description="Weight decay of the kernels, multiplied by the learning rate."
    )
    label_smoothing: Annotated[float, Searched(0, 0.3)] = Field(
        0.1, ge=0, le=0.99, description="Share of the target probability that is spread over all classes."
    )
    # Beyond 5, whole images shrink to a point.
    distortion: Annotated[float, Searched(0.5, 2.5)] = Field(
        1.0,
        ge=0,
        le=5,
        description="Strength of the random affine augmentation; 1 is the recipe's own, 0 turns it off.",
    )

    architecture: ArchitectureName = Field(
        "pooled",
        description="pooled: four or five convolutions with pooling; deep: seven convolutions, some with stride, "
        "without pooling.",
    )
    test_shifts: Literal["off", "auto", "cross", "square"] = Field(
        "off",
        description="Average predictions over copies of an image shifted by a pixel: cross (5 copies), square (9), or "
        "auto (off, cross or square, whichever has the lowest log loss on the validation images).",
    )


class EnsembleParameters(CnnParameters):
    """What `cnn_ensemble` can be given."""

    members: int = Field(3, ge=1, le=100, description="Number of networks averaged; they differ by seed.")
