"""The real Kaggle client, made to look at its surroundings anew, and proven to reach this machine alone."""

import sys


def forget_kaggle() -> None:
    """The client reads the environment while it is imported."""
    for name in [name for name in sys.modules if name == "kaggle" or name.startswith("kaggle.")]:
        del sys.modules[name]


def assert_local() -> None:
    """The client's address is this machine, before anything is sent."""
    from kaggle.api.kaggle_api_extended import KaggleApi

    address = KaggleApi().build_kaggle_client().http_client()._get_request_url("S", "M")
    assert address.startswith("http://localhost/"), address
