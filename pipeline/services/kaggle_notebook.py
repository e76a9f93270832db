"""A Kaggle notebook attaches a competition's files by itself, through ``kagglehub``, which is installed there."""

import os
from functools import partial
from pathlib import Path

from pipeline.errors import ServiceError
from pipeline.services import kaggle_credentials
from pipeline.services.calls import NoAnswerError, Patience, bounded
from pipeline.services.redaction import clean

_TOKENS = ("KAGGLE_USER_SECRETS_TOKEN", "KAGGLE_DATA_PROXY_TOKEN")


def attach(competition: str, patience: Patience) -> Path | None:
    """Return the folder to which the notebook attached a competition; ``None`` elsewhere, or without kagglehub.

    Raises:
        ServiceError: It was not attached.
    """
    if not kaggle_credentials.in_notebook():
        return None
    try:
        from kagglehub import competition_download
    except ImportError:
        return None
    try:
        return Path(bounded(partial(competition_download, competition), patience.start()))
    except NoAnswerError:
        reason = "it took too long"
    except Exception as error:  # kagglehub's own, of requests, of the notebook's proxy
        secrets = {*kaggle_credentials.secrets(), *(os.environ.get(name, "") for name in _TOKENS)}
        reason = clean(error, secrets) or type(error).__name__
    raise ServiceError(
        f"{competition} could not be attached to this notebook ({reason}): add it there with Add Input, after "
        f"accepting the rules on kaggle.com/competitions/{competition}/rules."
    )
