"""Where Kaggle's credentials are, without loading its client, which may exit the process without them."""

import json
import os
from pathlib import Path

HOW_TO = (
    "Kaggle's credentials are missing. Make a token under Settings, API, on kaggle.com, and give it in one of three "
    "ways: the environment variable KAGGLE_API_TOKEN, the file ~/.kaggle/access_token, or user name and key as "
    "KAGGLE_USERNAME and KAGGLE_KEY or in ~/.kaggle/kaggle.json."
)


def source() -> str | None:
    """Which credentials the client will use, in words; ``None`` where there are none."""
    if os.environ.get("KAGGLE_API_TOKEN"):
        return "the environment variable KAGGLE_API_TOKEN"
    for path in _token_files():
        if _text(path):
            return str(path)
    if os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY"):
        return "the environment variables KAGGLE_USERNAME and KAGGLE_KEY"
    path = _config_folder() / "kaggle.json"
    content = _json(path)
    if content.get("username") and content.get("key"):
        return str(path)
    return str(_oauth_file()) if _json(_oauth_file()) else None


def secrets() -> set[str]:
    """Every secret value that an error message might carry."""
    found = {os.environ.get(name, "") for name in ("KAGGLE_API_TOKEN", "KAGGLE_KEY")}
    found |= {_text(path) for path in _token_files()}
    found.add(str(_json(_config_folder() / "kaggle.json").get("key", "")))
    found |= {str(value) for key, value in _json(_oauth_file()).items() if "token" in key}
    return found - {""}


def _token_files() -> list[Path]:
    folder = Path.home() / ".kaggle"
    return [folder / "access_token", folder / "access_token.txt"]


def _oauth_file() -> Path:
    return Path.home() / ".kaggle" / "credentials.json"


def _config_folder() -> Path:
    configured = os.environ.get("KAGGLE_CONFIG_DIR")
    if configured:
        return Path(configured)
    legacy = Path.home() / ".kaggle"
    standard = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "kaggle"
    return legacy if legacy.exists() else standard


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _json(path: Path) -> dict[str, str]:
    try:
        content = json.loads(_text(path) or "{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
