"""Where Kaggle's credentials are, without loading its client, which may exit the process without them."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ServiceError

HOW_TO = (
    "Kaggle's credentials are missing. Create a token on kaggle.com under Settings, API, and provide it in one of "
    "three ways: the environment variable KAGGLE_API_TOKEN, the file ~/.kaggle/access_token, or user name and key as "
    "KAGGLE_USERNAME and KAGGLE_KEY or in ~/.kaggle/kaggle.json."
)


class _UnreadableError(Exception):
    """A file of credentials that exists and cannot be used; the message completes "<path> "."""


@dataclass(frozen=True)
class _Credentials:
    source: str
    values: tuple[str, ...]
    """What goes into a request: a token, or user name and key."""


def source() -> str | None:
    """Return which credentials the client will use, in words; ``None`` if there are none.

    Raises:
        ServiceError: There are some, which cannot be read or cannot be valid.
    """
    found = _token() or _user_and_key() or _oauth()
    if found and not all(_can_be_sent(value) for value in found.values):
        raise ServiceError(
            f"The Kaggle credentials from {found.source} contain a space, a line break or another character that no "
            "token or key has: copy them again."
        )
    return found.source if found else None


def given() -> bool:
    """Return whether there are credentials, usable or not."""
    try:
        return source() is not None
    except ServiceError:
        return True


def in_notebook() -> bool:
    """Return whether this is a notebook on Kaggle, by the variables that its own client looks at."""
    return all(os.environ.get(name) for name in ("KAGGLE_KERNEL_RUN_TYPE", "KAGGLE_DATA_PROXY_URL"))


def secrets() -> set[str]:
    """Return every secret that an answer or an error message might repeat."""
    found = {os.environ.get(name, "") for name in ("KAGGLE_API_TOKEN", "KAGGLE_KEY")}
    found |= {_text_or_nothing(path) for path in [*_token_files(), *_named_token_files()]}
    stored, oauth = (_json_or_nothing(path) for path in (_config_folder() / "kaggle.json", _oauth_file()))
    found.add(stored.get("key", ""))
    found |= {value for key, value in oauth.items() if "token" in key}
    users = {os.environ.get("KAGGLE_USERNAME", ""), stored.get("username", "")} - {""}
    keys = {os.environ.get("KAGGLE_KEY", ""), stored.get("key", "")} - {""}
    return (found | {f"{user}:{key}" for user in users for key in keys}) - {""}


def _token() -> _Credentials | None:
    value = os.environ.get("KAGGLE_API_TOKEN", "")
    for path in _named_token_files():
        if text := _read(path):
            return _Credentials(f"the file {path}, which an environment variable names", (text,))
    if value and not _is_file(value):
        return _Credentials("the environment variable KAGGLE_API_TOKEN", (value,))
    for path in _token_files():
        if path.exists() and (text := _read(path)):
            return _Credentials(str(path), (text,))
    return None


def _user_and_key() -> _Credentials | None:
    user, key = os.environ.get("KAGGLE_USERNAME"), os.environ.get("KAGGLE_KEY")
    if user and key:
        return _Credentials("the environment variables KAGGLE_USERNAME and KAGGLE_KEY", (user, key))
    path = _config_folder() / "kaggle.json"
    if not path.exists():
        return None
    try:
        stored = _json(path)
        user, key = user or stored.get("username"), key or stored.get("key")
        if not (user and key):
            raise _UnreadableError("lacks 'username' or 'key'")
    except _UnreadableError as error:
        if _oauth() is not None:
            return None
        raise ServiceError(f"{path} {error}: download it again on kaggle.com under Settings, API.") from None
    return _Credentials(str(path), (user, key))


def _oauth() -> _Credentials | None:
    return _Credentials(str(_oauth_file()), ()) if _json_or_nothing(_oauth_file()) else None


def _token_files() -> list[Path]:
    folder = Path.home() / ".kaggle"
    return [folder / "access_token", folder / "access_token.txt"]


def _named_token_files() -> list[Path]:
    """Files that variables name: a token's on any machine, and the one that Kaggle gives to its notebooks."""
    names = [os.environ.get("KAGGLE_API_V1_TOKEN") if in_notebook() else None, os.environ.get("KAGGLE_API_TOKEN")]
    return [Path(name) for name in names if name and _is_file(name)]


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # a token is longer than a file name may be
        return False


def _oauth_file() -> Path:
    return Path.home() / ".kaggle" / "credentials.json"


def _config_folder() -> Path:
    configured = os.environ.get("KAGGLE_CONFIG_DIR")
    if configured:
        return Path(configured)
    legacy = Path.home() / ".kaggle"
    standard = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "kaggle"
    return legacy if legacy.exists() else standard


def _can_be_sent(value: str) -> bool:
    return value.isascii() and value.isprintable() and " " not in value


def _read(path: Path) -> str:
    try:
        return _text(path)
    except _UnreadableError as error:
        raise ServiceError(f"{path} {error}: fix it or remove it.") from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise _UnreadableError(f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise _UnreadableError("is not text in UTF-8") from None


def _json(path: Path) -> dict[str, str]:
    try:
        content = json.loads(_text(path))
    except (ValueError, RecursionError):
        raise _UnreadableError("is not valid JSON") from None
    if not isinstance(content, dict):
        raise _UnreadableError("is not a JSON object")
    return {key: str(value) for key, value in content.items()}


def _text_or_nothing(path: Path) -> str:
    try:
        return _text(path)
    except _UnreadableError:
        return ""


def _json_or_nothing(path: Path) -> dict[str, str]:
    try:
        return _json(path)
    except _UnreadableError:
        return {}
