"""What all facts on disk have in common: frozen, strict, and closed to fields that nobody knows."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

_PART = r"[A-Za-z0-9_][A-Za-z0-9._+=-]{0,199}"
SafeName = Annotated[str, StringConstraints(pattern=rf"^{_PART}$")]
"""A name that is safe as the name of one folder: of a dataset or a version."""
RelativeName = Annotated[str, StringConstraints(pattern=rf"^{_PART}(/{_PART}){{0,7}}$")]
"""The path of a file inside its folder, with forward slashes; it can neither be absolute nor lead out."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A digest in hexadecimal."""


class Facts(BaseModel):
    """Base of every model of a file; a field of another type, or one that is unknown, is an error."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, populate_by_name=True, protected_namespaces=()
    )

    def as_json(self) -> dict[str, Any]:
        """Return the facts as JSON values, with the names that the file uses and only the fields it had."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)
