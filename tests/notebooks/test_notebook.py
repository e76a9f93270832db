"""The notebook: it comes back as it was, takes parameters, refuses wrong ones, and runs from top to bottom."""

import base64
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from nbformat.v4 import new_output
from PIL import Image
from typer.testing import CliRunner

from pipeline.cli import notebook_command as command
from pipeline.errors import PipelineError, SettingsError
from pipeline.reports import notebook

STORY = Path(__file__).parents[2] / "notebooks" / "digits.py"
SMALL = """# %% tags=["parameters"]
size = 3
name = "some"

# %% [markdown]
# # Title

# %%
size * 2
"""


def invoke(*arguments):
    app = typer.Typer()
    command.register(app)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def outputs(notebook_file):
    cells = json.loads(notebook_file.read_text())["cells"]
    return [output for cell in cells for output in cell.get("outputs", ())]


@pytest.mark.parametrize("script", [STORY.read_text(), SMALL], ids=["the story", "a small one"])
def test_script_comes_back_as_it_was(script, tmp_path):
    file = tmp_path / "some.ipynb"
    file.write_text(notebook.to_json(notebook.read_script(script)))
    assert notebook.to_script(file) == script


def test_command_converts_both_ways(tmp_path):
    source = tmp_path / "small.py"
    source.write_text(SMALL)
    assert invoke(source, "--no-run", "--output", tmp_path / "made", "--set", "size=5").exit_code == 0
    made = tmp_path / "made" / "small.ipynb"
    made.write_text(made.read_text().replace("# Title", "# Another title"))
    assert invoke("--back", made, "--output", tmp_path / "back").exit_code == 0
    assert (tmp_path / "back" / "small.py").read_text() == SMALL.replace("# # Title", "# # Another title")


def test_parameters_are_set_after_the_cell_that_declares_them():
    made = notebook.with_parameters(notebook.read_script(SMALL), {"size": "5", "name": "1,2"})
    assert made.cells[1].source == "size = 5\nname = '1,2'"
    assert [cell.cell_type for cell in made.cells] == ["code", "code", "markdown", "code"]


WRONG_PARAMETERS = {
    "unknown": ({"speed": "5"}, "no parameter 'speed': it has size, name"),
    "of another type": ({"size": "many"}, "size=many: give a value like 3"),
}


@pytest.mark.parametrize("name", WRONG_PARAMETERS)
def test_wrong_parameters_are_refused(name):
    assignments, sentence = WRONG_PARAMETERS[name]
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        notebook.with_parameters(notebook.read_script(SMALL), assignments)


REFUSED = {
    "missing script": (["nowhere.py"], "nowhere.py cannot be read"),
    "missing notebook": (["--back", "nowhere.ipynb"], "There is no notebook nowhere.ipynb"),
    "not a notebook": (["--back", str(STORY)], "is not a notebook"),
    "no value": (["--no-run", "--set", "size"], "--set size: write it as name=value"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_command_refuses_in_one_sentence(name, tmp_path):
    arguments, sentence = REFUSED[name]
    result = invoke(*arguments, "--output", tmp_path / "made")
    assert isinstance(result.exception, PipelineError)
    assert sentence in str(result.exception)
    assert not (tmp_path / "made").exists()


def test_a_failing_cell_is_named_and_what_ran_before_it_is_kept(tmp_path):
    source = tmp_path / "failing.py"
    source.write_text("# %%\n40 + 2\n\n# %%\n1 / 0\n\n# %%\n'never'\n")
    result = invoke(source, "--output", tmp_path)
    assert "Cell 2 of 3 failed: ZeroDivisionError: division by zero" in str(result.exception)
    shown = outputs(tmp_path / "failing.ipynb")
    assert shown[0]["data"]["text/plain"] in ("42", ["42"])
    assert [output["output_type"] for output in shown] == ["execute_result", "error"]


def test_it_runs_from_any_folder_for_any_home_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "small.py").write_text(
        "# %% [markdown]\n# # A [/3] heading\n\n# %%\nimport os\nos.getcwd()\n\n# %%\n"
        "import pipeline\npipeline.__file__\n"
    )
    before = {path.name for path in command.CHECKOUT.iterdir()}
    done = subprocess.run(
        [sys.executable, command.CHECKOUT / "simulator.py", "notebook", "../small.py", "--home", "../home"],
        cwd=tmp_path / "elsewhere",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Running cell 1 of 3: A [/3] heading" in done.stderr
    made = tmp_path / "home" / "metric_results" / "notebook"
    assert {path.name for path in made.iterdir()} == {"small.ipynb", "small.html"}
    folder, package = ["".join(output["data"]["text/plain"]) for output in outputs(made / "small.ipynb")]
    assert folder == repr(str(made))
    assert package == repr(str(command.CHECKOUT / "pipeline" / "__init__.py"))
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert {path.name for path in command.CHECKOUT.iterdir()} - {"__pycache__"} <= before


def test_a_kernel_that_dies_is_one_sentence(tmp_path):
    source = tmp_path / "dying.py"
    source.write_text("# %%\nimport os\n\n# %%\nos._exit(3)\n")
    result = invoke(source, "--output", tmp_path / "made")
    assert isinstance(result.exception, PipelineError)
    assert "kernel ended unexpectedly" in str(result.exception)
    assert (tmp_path / "made" / "dying.ipynb").exists()


def test_ctrl_c_ends_the_kernel_with_a_sentence_and_writes_nothing(tmp_path):
    source, pid = tmp_path / "slow.py", tmp_path / "pid"
    source.write_text(
        "# %%\nimport os, pathlib, time\n"
        f"pathlib.Path({str(tmp_path / 'new')!r}).write_text(str(os.getpid()))\n"
        f"os.replace({str(tmp_path / 'new')!r}, {str(pid)!r})\ntime.sleep(600)\n"
    )
    started = subprocess.Popen(
        [sys.executable, command.CHECKOUT / "simulator.py", "notebook", source, "--output", tmp_path / "made"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (it takes no lock)
    )
    while not pid.exists():
        time.sleep(0.05)
    started.send_signal(signal.SIGINT)
    _, shown = started.communicate(timeout=60)
    assert (started.returncode, "Traceback" in shown) == (130, False), shown
    assert "Stopped. Nothing was written" in shown
    assert not (tmp_path / "made").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_without_code_the_page_reads_as_a_report(tmp_path):
    made = notebook.read_script("# %% [markdown]\n# Some words\n\n# %%\nhidden = 42\n")
    made.cells[1]["outputs"] = [new_output("execute_result", {"text/plain": "the answer"}, execution_count=7)]
    page, report = notebook.to_html(made, "some"), notebook.to_html(made, "some", code=False)
    for words in ("Some words", "the answer"):
        assert words in page
        assert words in report
    assert "hidden" in page.partition("<body")[2]
    assert "hidden" not in report.partition("<body")[2]
    assert "Prompt" in page.partition("<body")[2]
    assert "Prompt" not in report.partition("<body")[2], "text begins where tables and pictures do"


def test_the_story_reads_well_with_and_without_its_code():
    told = [cell.source for cell in notebook.read_script(STORY.read_text()).cells if cell.cell_type == "markdown"]
    for words in (" cell", "Change them here"):
        assert not [text for text in told if words in text], words


@pytest.mark.browser
def test_a_phone_scrolls_a_picture_and_a_table_within_the_page(tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("Chromium is not here: sh tests/browser.sh installs it")
    wide = "<table><tr>" + "<td>recall</td>" * 30 + "</tr></table>"
    made = notebook.read_script("# %%\npass\n")
    png = base64.b64encode(figure_bytes()).decode()
    made.cells[0]["outputs"] = [
        new_output("display_data", {"text/html": wide}),
        new_output("display_data", {"image/png": png}, metadata={"image/png": {"width": 700}}),
    ]
    file = tmp_path / "report.html"
    file.write_text(notebook.to_html(made, "some", code=False))
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for wide_thing in page.locator(".jp-OutputArea-output table, .jp-OutputArea-output img").all():
            before = wide_thing.evaluate("e => e.getBoundingClientRect().right")
            wide_thing.evaluate("e => { e.closest('.jp-OutputArea-output').scrollLeft = 9999; }")
            assert before > 390 >= wide_thing.evaluate("e => e.getBoundingClientRect().right")
        browser.close()


def figure_bytes():
    content = io.BytesIO()
    Image.new("RGB", (700, 100)).save(content, "PNG")
    return content.getvalue()


@pytest.mark.slow
def test_the_story_runs_on_a_small_size(tmp_path):
    small = {
        "dataset": "digits",
        "train_size": 300,
        "test_size": 200,
        "epochs": 1,
        "curve_sizes": "50,100",
        "curve_models": "logistic,dummy",
    }
    settings = [part for name, value in small.items() for part in ("--set", f"{name}={value}")]
    result = invoke("--output", tmp_path, *settings)
    assert result.exit_code == 0, result.output
    shown = outputs(tmp_path / "digits.ipynb")
    assert not [output for output in shown if output["output_type"] in ("error", "stream")]
    assert sum("image/png" in output.get("data", {}) for output in shown) == 14
    page = (tmp_path / "digits.html").read_text()
    for heading in ("Deep learning against boosted trees", "Known limitations", "Libraries", "References"):
        assert heading in page
    assert "is more accurate than" in re.sub(r"<[^>]+>", "", page)
    assert 'alt="confusion matrix"' in page
    assert "No description has been provided" not in page
    assert not re.search(r'<(?:script|link|img)[^>]+(?:src|href)="(?:https?:)?//', page)
