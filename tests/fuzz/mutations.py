"""Damaged files: a file of the corpus with bytes changed, inserted, repeated, moved or cut off."""

from hypothesis import strategies as st

TELLING = (b"", b"\0", b"\xff", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\0", b"-1", b"9" * 30)
TELLING += (
    b"1e999",
    b"nan",
    b"\n",
    b"\r",
    b",",
    b'"',
    b"[",
    b"{",
    b"\xe9",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\x1b[2J",
)
MOST_EDITS = 6


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A file of the corpus after a few edits; now and then bytes of no form at all."""
    content = bytearray(draw(st.sampled_from(seeds) | st.binary(max_size=64)))
    for _ in range(draw(st.integers(0, MOST_EDITS))):
        start = draw(st.integers(0, len(content)))
        length = draw(st.sampled_from((0, 1, 1, 2, 4, 8, 64)))
        match draw(st.sampled_from(("overwrite", "bits", "copy", "cut"))):
            case "overwrite":
                content[start : start + length] = draw(st.sampled_from(TELLING) | st.binary(max_size=8))
            case "bits" if start < len(content):
                content[start] ^= 1 << draw(st.integers(0, 7))
            case "copy":
                source = draw(st.integers(0, len(content)))
                content[start:start] = content[source : source + 4 * length]
            case "cut":
                del content[start:]
    return bytes(content)
