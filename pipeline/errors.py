"""The errors that a user may see: each is one sentence on what is wrong and what to do."""


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
    """The disk refuses to read a file, which may be whole: nothing may be concluded from it, least of all deleted."""


class DeployError(PipelineError):
    """A promotion or rollback was refused."""


class ServiceError(PipelineError):
    """An outside service (Kaggle, Hugging Face, MLflow) did not do what was asked."""
