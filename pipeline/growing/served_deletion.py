"""Delete served predictions wherever they are kept: people may take their images back."""

from collections.abc import Collection

from pipeline.data import snapshots
from pipeline.growing import audits, from_production
from pipeline.store import drift_files, served_log, served_upkeep
from pipeline.store.home import Home


def delete(home: Home, dataset: str, prediction_ids: Collection[str]) -> set[str]:
    """Delete predictions from the log, the audits, and every review queue they wait in; returns those that were there.

    The page on a drift alarm, which shows some of what was served, goes as well: `drift` writes it again. What a
    review has already stored in a dataset stays: `dataset remove --erase` takes the same id.

    Args:
        home: The home folder.
        dataset: Whose champion served.
        prediction_ids: Which.

    Raises:
        StoreError: A file is damaged, or the disk is full or fails.
        DataError: A review queue is damaged.
    """
    found = served_upkeep.delete(home, dataset, prediction_ids)
    audits.forget(home, dataset, prediction_ids)
    drift_files.remove_page(home, dataset)
    for name in snapshots.names(home.datasets):
        found |= from_production.withdraw(home.datasets / name, prediction_ids)
    return found


def delete_all(home: Home, dataset: str) -> int:
    """Delete everything that is kept of a dataset's predictions; returns how many there were.

    Raises:
        StoreError: The disk fails.
        DataError: A review queue is damaged.
    """
    ids = {one for path in served_log.files(home, dataset) for one in served_log.ids_in(path)}
    delete(home, dataset, ids | {audit.prediction_id for audit in audits.recorded(home, dataset)})
    return len(ids)


def erase(home: Home, image_digests: Collection[str]) -> None:
    """Delete every served prediction of some images, and the pages on a drift alarm that may show them.

    Args:
        home: The home folder.
        image_digests: Of the pixels, in hexadecimal.

    Raises:
        StoreError: A file is damaged, or the disk is full or fails.
    """
    for dataset in served_log.datasets(home):
        for served in served_log.read(home, dataset):
            known = zip(served.ids, from_production.digests_of(served), strict=True)
            if ids := [one for one, digest in known if digest in image_digests]:
                drift_files.remove_page(home, dataset)
                served_upkeep.delete(home, dataset, ids)
        audits.forget_images(home, dataset, image_digests)
