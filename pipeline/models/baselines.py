"""What every model has to beat: a linear model, and a guess."""

from typing import Annotated

from pydantic import Field

from pipeline.contracts import Shape
from pipeline.models.parameters import Parameters
from pipeline.models.search_space import Searched
from pipeline.models.sklearn_family import SklearnModel


class LogisticParameters(Parameters):
    """What `logistic` can be given."""

    # Below 1e-6, probabilities differ by less than float32 can hold.
    C: Annotated[float, Searched(1e-4, 100, log=True)] = Field(
        0.1, ge=1e-6, le=1e9, description="Inverse strength of the L2 penalty."
    )
    max_iter: int = Field(100, ge=1, le=1_000_000, description="Maximum number of solver iterations.")


class DummyParameters(Parameters):
    """`dummy` has no parameters."""


def build_logistic(shape: Shape, n_classes: int, parameters: LogisticParameters) -> SklearnModel:
    """Return multinomial logistic regression on pixels scaled by their own range."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    classifier = LogisticRegression(C=parameters.C, max_iter=parameters.max_iter)
    return SklearnModel(shape, n_classes, make_pipeline(MinMaxScaler(), classifier))


def build_dummy(shape: Shape, n_classes: int, _: DummyParameters) -> SklearnModel:
    """Return always the most frequent class, with the classes' frequencies as probabilities."""
    from sklearn.dummy import DummyClassifier

    return SklearnModel(shape, n_classes, DummyClassifier(strategy="prior"))
