"""Notebooks: a script in jupytext's percent form is what is committed; it becomes ``.ipynb`` and HTML, and comes back.

Jupyter's own libraries are an optional extra and are imported where they are used.
"""

import ast
import asyncio
import html
import os
import re
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import PipelineError, SettingsError
from pipeline.text import plain

if TYPE_CHECKING:
    from nbformat import NotebookNode

PERCENT = "py:percent"
PARAMETERS = "parameters"
INJECTED = "injected-parameters"
UNDESCRIBED = "No description has been provided for this image"
"""What nbconvert calls a picture."""
LONGEST_SOCKET = 90
"""A socket's path may have 104 to 108 bytes, by system; the kernel adds a number."""
MISSING = "Notebooks need Jupyter's libraries: pip install 'digit-pipeline[notebook]'."

SCROLLING = """<style>
@media (max-width: 52rem) {
  body .jp-OutputArea-child { display: block; }
  body .jp-OutputArea-child .jp-OutputArea-output { display: block; overflow-x: auto; box-sizing: border-box; }
  body .jp-RenderedImage.jp-OutputArea-output img { max-width: none; }
}
</style>
"""
"""Pictures and tables keep a size that can be read, and are scrolled within the page where a screen is narrow."""
CellStarts = Callable[[int, int, str], None]
"""Receives the number of the cell that starts, how many there are, and the heading it is under."""


class _Loop(asyncio.SelectorEventLoop):
    """Leaves Ctrl-C to asyncio, which cancels the run: nbclient's handler ends the kernel under the running cell."""

    def add_signal_handler(self, *_: Any) -> None:  # type: ignore[override]
        raise RuntimeError("no handlers: nbclient goes on without its own")


def read_script(text: str) -> "NotebookNode":
    """Return a notebook from a script in percent form.

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
    """Return the script, in percent form, of an ``.ipynb`` file, without outputs.

    Raises:
        SettingsError: It is not a notebook, or Jupyter's libraries are not installed.
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
        raise SettingsError(f"{path} is not a notebook: {plain(error)}") from error
    notebook.cells = [cell for cell in notebook.cells if INJECTED not in _tags(cell)]
    notebook.metadata = {"jupytext": {"notebook_metadata_filter": "-all", "cell_metadata_filter": "tags,-all"}}
    return str(jupytext.writes(notebook, fmt=PERCENT))


def with_parameters(notebook: "NotebookNode", assignments: Mapping[str, str]) -> "NotebookNode":
    """Return the notebook with a cell that overrides parameters, after the cell that is tagged ``parameters``.

    Args:
        notebook: Not changed.
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


def execute(
    notebook: "NotebookNode", checkout: Path, folder: Path, cell_starts: CellStarts | None = None
) -> str | None:
    """Run every cell in a fresh kernel, in place; outputs stay in the notebook.

    Args:
        notebook: Its cells get their outputs.
        checkout: Where ``import pipeline`` finds this project.
        folder: Where the kernel works, and what relative paths in the notebook are relative to.
        cell_starts: Called before each cell.

    Returns:
        ``None``, or what went wrong, in a sentence; the cells up to there have their outputs.

    Raises:
        SettingsError: Jupyter's libraries are not installed.
        KeyboardInterrupt: Ctrl-C was pressed; the kernel has ended.
    """
    try:
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError, DeadKernelError
    except ImportError as error:
        raise SettingsError(MISSING) from error
    headings = _headings(notebook)

    def starts(cell: Any, cell_index: int) -> None:  # noqa: ARG001 (nbclient passes both by name)
        if cell_starts:
            cell_starts(cell_index + 1, len(headings), headings[cell_index])

    with tempfile.TemporaryDirectory(prefix="notebook-") as sockets:
        client = NotebookClient(
            notebook,
            timeout=None,
            kernel_name="python3",
            # What Ctrl-C interrupts would print its traceback while it shuts down.
            shutdown_kernel="immediate",
            resources={"metadata": {"path": str(folder.resolve())}},
            on_cell_start=starts,
            config=_kernel_settings(Path(sockets)),
        )
        try:
            _run(client.async_execute(env=_kernel_environment(checkout)))
        except CellExecutionError as error:
            at = next(index for index, cell in enumerate(notebook.cells) if _failed(cell))
            return f"Cell {at + 1} of {len(headings)} failed: {plain(f'{error.ename}: {error.evalue}')}"
        except (DeadKernelError, RuntimeError) as error:
            return f"The notebook's kernel ended unexpectedly: {plain(error)}"
    return None


def _run(execution: Awaitable[object]) -> None:
    with asyncio.Runner(loop_factory=_Loop) as runner:
        runner.run(_stoppable(execution))


async def _stoppable(execution: Awaitable[object]) -> None:
    """Await an execution; one that Ctrl-C cancels ends as cancelled, where nbclient calls its kernel dead."""
    try:
        await execution
    except RuntimeError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from error
        raise


def to_html(notebook: "NotebookNode", title: str, *, code: bool = True) -> str:
    """Return the notebook as one HTML file that fetches nothing from a network.

    Args:
        notebook: With its outputs.
        title: Of the page.
        code: Whether the cells' code is shown; without it, the page reads as a report.

    Raises:
        PipelineError: nbconvert could not write it.
    """
    from nbconvert import HTMLExporter

    nowhere = dict.fromkeys(("mathjax_url", "require_js_url", "jquery_url", "mermaid_js_url"), "")
    # Without code, the place for "In [1]:" beside it would only push text away from what it is about.
    without = dict.fromkeys(("exclude_input", "exclude_input_prompt", "exclude_output_prompt"), not code)
    exporter = HTMLExporter(embed_images=True, **without, **nowhere)
    body, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": title}})
    if not body:
        raise PipelineError("The notebook could not be written as HTML.")
    return _described(str(body), notebook).replace("</head>", f"{SCROLLING}</head>", 1)


def to_json(notebook: "NotebookNode") -> str:
    """Return the text of an ``.ipynb`` file."""
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


def _kernel_settings(sockets: Path) -> Any:
    """Settings of the kernel's connection: through files of this user alone, not through ports open to all users.

    The address is absolute: client and kernel work in different folders.
    """
    from traitlets.config import Config

    settings = Config()
    address = str(sockets.resolve() / "kernel")
    if os.name == "posix" and len(os.fsencode(address)) <= LONGEST_SOCKET:
        settings.ConnectionFileMixin.transport = "ipc"
        settings.ConnectionFileMixin.ip = address
    return settings


def _kernel_environment(checkout: Path) -> dict[str, str]:
    path = os.pathsep.join([str(checkout), *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {"PYTHONPATH": path}


def _headings(notebook: "NotebookNode") -> list[str]:
    """The heading that each cell is under."""
    found, current = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            titles = re.findall(r"^#+ +(.+)$", cell.source, re.MULTILINE)
            current = titles[-1].strip() if titles else current
        found.append(current)
    return found


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
