"""What the champion thinks of images that arrive or wait."""

from pipeline.application import Application
from pipeline.contracts import Images, Probabilities, Shape, UnlabelledImages
from pipeline.growing.quarantine import Opinion
from pipeline.store import production
from pipeline.store.home import Home


def champion_of(home: Home, dataset: str, shape: Shape) -> Application | None:
    """Return the champion of a dataset; ``None`` where there is none, or it takes images of another shape.

    Raises:
        StoreError: Production's record is damaged.
    """
    deployment = production.current(home, dataset)
    application = Application(deployment) if deployment else None
    return application if application and application.shape == shape else None


def predicted(champion: Application, images: Images) -> Probabilities:
    """Return the champion's class probabilities, ``[N, K]``, of images, uint8 ``[N, H, W, C]``.

    Raises:
        StoreError: The model's files are damaged.
        ModelError: The model cannot be loaded.
    """
    return champion.predict(UnlabelledImages("arrivals", images, tuple(map(str, range(len(images))))))


def opinions_of(champion: Application, probabilities: Probabilities) -> list[Opinion]:
    """Return the opinion that each row of the champion's probabilities, ``[N, K]``, expresses."""
    return [Opinion.of(champion.model.id, row, champion.classes) for row in probabilities]
