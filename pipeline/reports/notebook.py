"""Notebooks: a script in jupytext's percent form is what is committed; it becomes ``.ipynb`` and HTML, and comes back.

Jupyter's own libraries are an optional extra and are imported where they are used.
"""

import ast
import html
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import PipelineError, SettingsError

if TYPE_CHECKING:
    from nbformat import NotebookNode

PERCENT = "py:percent"
PARAMETERS = "parameters"
INJECTED = "injected-parameters"
UNDESCRIBED = "No description has been provided for this image"
"""What nbconvert calls a picture."""
MISSING = "Notebooks need Jupyter's libraries: pip install 'digit-pipeline[notebook]'."

CellDone = Callable[[int, int], None]
"""Told how many cells are done, of how many."""


def read_script(text: str) -> "NotebookNode":
    """A notebook from a script in percent form.

    Raises:
        SettingsError: Jupyter's libraries are not installed.
    """
    try:
        import jupytext
    except ImportError as error:
        raise SettingsError(MISSING) from error
    notebook = jupytext.reads(text, fmt=PERCENT)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return notebook


def to_script(path: Path) -> str:
    """The script, in percent form, of an ``.ipynb`` file: what a person changed, without outputs.

    Raises:
        SettingsError: It is no notebook, or Jupyter's libraries are not installed.
    """
    try:
        import jupytext
        import nbformat
    except ImportError as error:
        raise SettingsError(MISSING) from error
    try:
        notebook = nbformat.read(path, as_version=4)
    except FileNotFoundError as error:
        raise SettingsError(f"There is no notebook {path}.") from error
    except Exception as error:  # nbformat's and the JSON reader's errors have no common base
        raise SettingsError(f"{path} is no notebook: {error}") from error
    notebook.cells = [cell for cell in notebook.cells if INJECTED not in _tags(cell)]
    notebook.metadata = {"jupytext": {"notebook_metadata_filter": "-all", "cell_metadata_filter": "tags,-all"}}
    return str(jupytext.writes(notebook, fmt=PERCENT))


def with_parameters(notebook: "NotebookNode", assignments: Mapping[str, str]) -> "NotebookNode":
    """The notebook with a cell that sets parameters anew, after the cell that is tagged ``parameters``.

    Args:
        notebook: Left as it is.
        assignments: Values as text, by parameter; each is read as the type that the parameter has.

    Raises:
        SettingsError: There is no such parameter, or the value has another type.
    """
    from copy import deepcopy

    from nbformat.v4 import new_code_cell

    changed = deepcopy(notebook)
    if not assignments:
        return changed
    place = next((at for at, cell in enumerate(changed.cells) if PARAMETERS in _tags(cell)), None)
    known = _assigned(changed.cells[place].source) if place is not None else {}
    for name in assignments:
        if name not in known:
            raise SettingsError(f"The notebook has no parameter '{name}': it has {', '.join(known) or 'none'}.")
    lines = [f"{name} = {_value(name, text, known[name])!r}" for name, text in assignments.items()]
    cell = new_code_cell("\n".join(lines), metadata={"tags": [INJECTED]})
    changed.cells.insert((place or 0) + 1, cell)
    return changed


def execute(notebook: "NotebookNode", folder: Path, cell_done: CellDone | None = None) -> str | None:
    """Run every cell in a fresh kernel, in place; outputs stay in the notebook.

    Args:
        notebook: Its cells get their outputs.
        folder: Where the kernel works: the checkout, so that ``import pipeline`` finds this project.
        cell_done: Told after each cell.

    Returns:
        ``None``, or what went wrong, in a sentence; the cells up to there have their outputs.

    Raises:
        SettingsError: Jupyter's libraries are not installed.
    """
    try:
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError
    except ImportError as error:
        raise SettingsError(MISSING) from error
    cells = len(notebook.cells)

    def completed(cell: Any, cell_index: int) -> None:  # noqa: ARG001 (nbclient passes both by name)
        if cell_done:
            cell_done(cell_index + 1, cells)

    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        on_cell_complete=completed,
        config=_kernel_settings(),
    )
    try:
        client.execute()
    except CellExecutionError as error:
        at = next(index for index, cell in enumerate(notebook.cells) if _failed(cell))
        return f"Cell {at + 1} of {cells} failed: {error.ename}: {error.evalue}"
    return None


def to_html(notebook: "NotebookNode", title: str) -> str:
    """The notebook as one HTML file that fetches nothing from a network.

    Raises:
        PipelineError: nbconvert could not write it.
    """
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(embed_images=True, mathjax_url="", require_js_url="", jquery_url="", mermaid_js_url="")
    body, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": title}})
    if not body:
        raise PipelineError("The notebook could not be written as HTML.")
    return _described(str(body), notebook)


def to_json(notebook: "NotebookNode") -> str:
    """The text of an ``.ipynb`` file."""
    import nbformat

    return str(nbformat.writes(notebook)) + "\n"


def _described(body: str, notebook: "NotebookNode") -> str:
    """The page with each picture's own description, which nbconvert's template leaves out."""
    words = {}
    for output in (output for cell in notebook.cells for output in cell.get("outputs") or ()):
        picture = "".join(output.get("data", {}).get("image/png", "").split())
        words[picture] = output.get("metadata", {}).get("image/png", {}).get("alt", UNDESCRIBED)

    def described(found: re.Match[str]) -> str:
        alt = words.get("".join(found["picture"].split()), UNDESCRIBED)
        return found[0].replace(UNDESCRIBED, html.escape(alt), 1)

    return re.sub(rf'alt="{UNDESCRIBED}"[^>]*?;base64,(?P<picture>[^"]+)"', described, body)


def _kernel_settings() -> Any:
    from traitlets.config import Config

    settings = Config()
    if os.name == "posix":
        # Through files that only this user can open, not through ports that all users of the machine can.
        settings.ConnectionFileMixin.transport = "ipc"
    return settings


def _tags(cell: Any) -> list[str]:
    return list(cell.metadata.get("tags", ()))


def _failed(cell: Any) -> bool:
    return any(output.output_type == "error" for output in cell.get("outputs") or ())


def _assigned(source: str) -> dict[str, Any]:
    statements = [node for node in ast.parse(source).body if isinstance(node, ast.Assign)]
    return {
        target.id: ast.literal_eval(node.value)
        for node in statements
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _value(name: str, text: str, default: Any) -> Any:
    try:
        return type(default)(text)
    except ValueError as error:
        raise SettingsError(f"{name}={text}: give a value like {default!r}.") from error
