"""What every model has to beat: a linear model, and a guess."""

from pipeline.models.sklearn_family import SklearnModel


def build_logistic(shape: tuple[int, int, int], n_classes: int, *, C: float, max_iter: int) -> SklearnModel:
    """Multinomial logistic regression on pixels scaled by their own range."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    return SklearnModel(shape, n_classes, make_pipeline(MinMaxScaler(), LogisticRegression(C=C, max_iter=max_iter)))


def build_dummy(shape: tuple[int, int, int], n_classes: int) -> SklearnModel:
    """Always the most frequent class, with the classes' frequencies as probabilities."""
    from sklearn.dummy import DummyClassifier

    return SklearnModel(shape, n_classes, DummyClassifier(strategy="prior"))
