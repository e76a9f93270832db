"""Datasets of the Hugging Face Hub that are stored as Parquet, through the Hub's own client."""

from pathlib import Path

from pipeline.errors import ServiceError

SECONDS = 30.0
"""A connection that says nothing for so long is given up; what came so far is gone with the folder."""


def download(repo_id: str, folder: Path) -> None:
    """Download the Parquet files of a dataset on the Hub into a folder.

    Args:
        repo_id: ``owner/name``, with ``@revision`` behind it where it is not the newest.
        folder: Where the files go, under the names that they have there.

    Raises:
        ServiceError: The Hub cannot be reached, or has no such dataset.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    name, _, revision = repo_id.partition("@")
    try:
        snapshot_download(
            name,
            repo_type="dataset",
            revision=revision or None,
            allow_patterns=["*.parquet"],
            local_dir=folder,
            etag_timeout=SECONDS,
        )
    except HFValidationError as error:
        raise ServiceError(f"'{name}' cannot name a dataset of the Hub: give hf:owner/name.") from error
    except RepositoryNotFoundError as error:
        raise ServiceError(
            f"Hugging Face has no dataset {name} that this token can see: check the name, or HF_TOKEN if it is private."
        ) from error
    except (HfHubHTTPError, *HfHubHTTPError.__bases__, OSError) as error:
        raise ServiceError(
            f"The dataset {name} could not be downloaded from Hugging Face ({type(error).__name__}): check the "
            "network, then ingest again."
        ) from error
