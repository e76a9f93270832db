"""Whatever is in a file, it is read or refused in one printable sentence: a sample of ``make fuzz``."""

import pytest
from fuzz_targets import TARGETS, outcome
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import damaged

EXAMPLES = 40


@pytest.mark.parametrize("name", TARGETS)
def test_a_damaged_file_is_read_or_refused_in_a_sentence(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(content=damaged(target.seeds()))
    def check(content: bytes) -> None:
        outcome(target, content)

    check()


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_has_sound_files(name: str) -> None:
    """Mutations of files that are refused anyway would find little."""
    target = TARGETS[name]
    assert any(outcome(target, content) is None for content in target.seeds())


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=30))
def test_an_option_to_set_a_parameter_is_parsed_or_refused_in_a_sentence(text: str) -> None:
    from pipeline.errors import PipelineError
    from pipeline.models.parameters import parse_overrides

    for option in (text, f"cnn.epochs={text}", f"{text}=5"):
        try:
            parse_overrides([option])
        except PipelineError as error:
            assert str(error).isprintable()
