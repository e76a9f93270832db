"""The errors that a user may see: each is one sentence on what is wrong and what to do.

A sentence repeats what a user gave only through ``shown`` or ``shortened``, so that no input is too long, too deep or
too strange to be named.
"""

LONGEST_ECHO = 200
"""Characters of a user's input that a sentence repeats at most."""


class PipelineError(Exception):
    """Base of every error with a message written for the user; the command line prints it without a traceback."""


class DataError(PipelineError):
    """The images or labels cannot be used as they are."""


class SettingsError(PipelineError):
    """A setting, an option or a policy is impossible or unknown."""


class ModelError(PipelineError):
    """A recipe is unknown, or a model cannot be built, fitted, exported or loaded."""


class StoreError(PipelineError):
    """Something on disk is missing, damaged, tampered with or locked."""


class UnreadableError(StoreError):
    """The disk failed to read a file, which may be whole: nothing may be concluded from that, let alone deleted."""


class DeployError(PipelineError):
    """A promotion or rollback was refused."""


class ServiceError(PipelineError):
    """An outside service (Kaggle, Hugging Face, MLflow) did not do what was asked."""


def shown(value: object, limit: int = LONGEST_ECHO) -> str:
    """Return a value for a message: as Python writes it, control characters escaped, cut after ``limit`` characters."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        # Python writes no number of more than 4,300 digits, and nothing that is nested a thousand times.
        return "a number of thousands of digits" if isinstance(value, int) else "a value too large to show"
    return shortened(text, limit)


def shortened(text: str, limit: int = LONGEST_ECHO) -> str:
    """Return the text, or its beginning and how long it was if it has more than ``limit`` characters."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"
