"""``python -m benchmarks`` goes on where it was interrupted."""

import sys
from types import ModuleType

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import measure, waiting


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Three parts that each measure once; the second fails the first time. Returns what was measured."""
    found: list[str] = []

    def part(name):
        def main():
            found.append(name)
            if found.count(name) == 1 and name == "second":
                raise KeyboardInterrupt
            return f"## {name}"

        module = ModuleType(f"benchmarks.{name}")
        module.main = main
        monkeypatch.setitem(sys.modules, module.__name__, module)

    names = ("first", "second", "third")
    for name in names:
        part(name)
    monkeypatch.setattr(benchmarks, "PARTS", names)
    monkeypatch.setattr(measure, "FOLDER", tmp_path)
    monkeypatch.setattr(measure, "RAW", tmp_path / "raw")
    return found


def test_all_parts_go_on_after_an_interruption_and_begin_anew_when_done(measured, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        benchmarks.main([])
    benchmarks.main(["third"])
    benchmarks.main([])
    assert measured == ["first", "second", "third", "second", "third"]
    results = (tmp_path / "RESULTS.md").read_text()
    assert [results.count(f"## {name}") for name in ("first", "second", "third")] == [1, 1, 1]

    benchmarks.main([])
    assert measured[5:] == ["first", "second", "third"]


def test_a_command_that_was_timed_is_not_timed_again(tmp_path, monkeypatch):
    monkeypatch.setattr(waiting, "FOLDER", tmp_path)
    timed: list[list[str]] = []
    monkeypatch.setattr(waiting.Place, "seconds", lambda _, words: timed.append(words) or float(len(timed)))
    places = [waiting.Place(name, tmp_path, tmp_path / name) for name in ("now", "before")]
    row = waiting.Row("`gate`", ("gate",), most=1.0, repeats=2, now=("--json",))
    for _ in range(2):
        waiting._measure(row, places, tmp_path)
    assert timed == [["gate", "--json"], ["gate"]] * 2

    monkeypatch.setattr(waiting, "ROWS", (row,))
    text = waiting._section(waiting._known(), "abc")
    assert "| `gate` | 2.00 (1.00 to 3.00, n = 2) | 1 | **no** | 3.00 | 0.67 |" in text
