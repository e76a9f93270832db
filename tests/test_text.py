"""Text from outside, made harmless by one rule."""

import pytest

from pipeline.cli.terminal import PlainConsole
from pipeline.text import escaped, plain, quoted

STRANGE = "a\x1b[31m\u202eb\u2028c\udc80\n"
HARMLESS = r"a\x1b[31m\u202eb\u2028c\udc80"


def test_what_a_terminal_obeys_or_hides_is_escaped_and_nothing_else() -> None:
    assert escaped(STRANGE) == HARMLESS + r"\n"
    assert escaped(STRANGE, keep="\n") == HARMLESS + "\n"
    assert escaped("Zürich\xa0日本 😀 [bold]") == "Zürich\xa0日本 😀 [bold]"


def test_prose_is_folded_and_a_quotation_is_not() -> None:
    assert plain(" two\n\twords\x07 ") == r"two words\x07"
    assert quoted("label\r\n") == r"label\r\n"
    assert quoted("\x1b" * 61) == r"\x1b" * 60 + "…"
    assert plain("a" * 301) == "a" * 300 + "…"


def test_the_console_escapes_as_every_sentence_does(capsys: pytest.CaptureFixture[str]) -> None:
    PlainConsole().print(STRANGE.replace("\udc80", ""))
    assert capsys.readouterr().out == HARMLESS.replace(r"\udc80", "") + "\n\n"
