"""Every file that once broke a reader is refused with the sentence that it deserves, or read."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))

from fuzz_targets import CORPUS, TARGETS, outcome

TOO_LARGE = "more than the 2 GiB that are read: store pixels as uint8, or fewer images"
NOT_AN_ARCHIVE = r"set\.npz cannot be read as a NumPy archive \(.+\): copy or download the file again\.$"
DEEP = "has more than 8 bits per channel: save it with 8"
ROLES = r"set\.npz is damaged \({}\): restore it from a backup, or give the dataset another --name"
UNREADABLE_ROLES = ROLES.format("it cannot be read as a NumPy archive")

SENTENCES = {
    "csv": {
        "sound": None,
        "sound-crlf": None,
        "sound-blank-lines": None,
        "sound-unlabelled": r"has no label column \(besides pixels, it has none\)",
        "header-skips-a-pixel": "has the pixel column 'pixel4' where 'pixel3' is expected",
        "header-with-a-control-character": r"has the pixel column 'pixel\\x1b\[2J' where",
        "header-of-25-kB": r"has no label column \(besides pixels, it has l{60}…\)",
        "field-of-5000-digits": r"row 3, column pixel0: 9{20}… is not between 0 and 255",
        "negative-field-of-5000-digits": r"row 3, column pixel0: -9{19}… is not between 0 and 255",
        "fault-after-blank-lines": "row 9, column pixel0: 300 is not between",
        "lone-class-after-blank-lines": "row 9: class 9 has too few distinct images",
        "line-of-spaces": "row 4: 1 columns, but the header has 5",
        "not-utf-8": "cannot be read as a CSV file",
        "a-null-byte": r"row 3, column pixel0: '1\\x00' is not a whole number",
        "digits-of-another-script": "row 3, column pixel0: '٣' is not a whole number",
        "minus-zero": "row 3, column pixel0: -0 is not between",
    },
    "samples": {"sound": None},
    "npz": {
        "sound": None,
        "sound-black-and-white": None,
        "encrypted": r"set\.npz\[images\] is encrypted: save the archive without a password",
        "announces-2-GiB-of-floats": rf"set\.npz\[images\] declares 300,000,000 8-byte numbers, {TOO_LARGE}",
        "announces-more-than-it-holds": "declares 288 bytes but holds 64",
        "announces-less-than-it-holds": "declares 32 bytes but holds 64",
        "shape-beyond-64-bits": TOO_LARGE,
        "negative-shape": "declares -1 x 2 x 2 numbers, which is impossible",
        "named-fields": r"has the shape \(12,\)",
        "python-objects": "holds Python objects, which are never loaded",
        "version-9": "is in version 9.0 of the npy format",
        "complex": "holds complex128, not numbers",
        "dates": r"holds datetime64\[D\]; labels are whole numbers",
        "text-of-no-length": "labels are whole numbers",
        "labels-2-to-63": r"\[labels\], row 1: the label is larger than 9,007,199,254,740,992",
        "labels-1e300": r"\[labels\], row 2: the label is larger than",
        "labels-infinite": r"\[labels\], row 3: the label is infinite",
        "one-label-alone": r"has the shape \(\)",
        "images-without-rows": "holds no images",
        "no-members": "lacks its arrays",
        "unknown-method": NOT_AN_ARCHIVE,
        "stored-said-to-be-deflated": NOT_AN_ARCHIVE,
        "stored-said-to-be-lzma": NOT_AN_ARCHIVE,
        "stored-said-to-be-bzip2": NOT_AN_ARCHIVE,
        "pixel-changed": NOT_AN_ARCHIVE,
        "member-is-text": NOT_AN_ARCHIVE,
        "member-is-empty": NOT_AN_ARCHIVE,
        "shape-is-a-word": NOT_AN_ARCHIVE,
        "shape-is-deeply-nested": NOT_AN_ARCHIVE,
        "header-is-code": NOT_AN_ARCHIVE,
        "header-is-not-closed": NOT_AN_ARCHIVE,
        "type-unknown": NOT_AN_ARCHIVE,
        "directory-cut-off": NOT_AN_ARCHIVE,
        "text": NOT_AN_ARCHIVE,
        "empty": NOT_AN_ARCHIVE,
    },
    "idx": {
        "sound": None,
        "sound-gzip": None,
        "sound-labels": "has 1 dimensions, but images have 3",
        "no-images-of-enormous-sides": "declares 0 x 4,294,967,295 x 4,294,967,295 values: it is empty",
        "announces-2-to-96": TOO_LARGE,
        "announces-4-GiB-gzip": f"declares 4,194,304 x 32 x 32 1-byte numbers, {TOO_LARGE}",
        "more-than-announced-gzip": "declares 3 items, 12 bytes, but holds more bytes",
        "gzip-with-a-wrong-checksum": "cannot be read as an IDX file",
        "gzip-of-an-unknown-method": "cannot be read as an IDX file",
        "gzip-header-alone": "cannot be read as an IDX file",
        "floats": "holds IDX type 0x0d",
        "empty": "is not an IDX file: its first bytes are missing",
    },
    "pictures": {
        "rgb-of-16-bits": DEEP,
        "rgba-of-16-bits": DEEP,
        "grey-and-alpha-of-16-bits": DEEP,
        "announces-a-terapixel": r"one/picture\.png is (not a picture|damaged)",
        "text": r"one/picture\.png is not a picture",
        "empty": r"one/picture\.png is not a picture",
        "sound-stroke": "bring all pictures to one size",
    },
    "settings": {
        "sound": None,
        "size-of-a-tiny-power": None,  # refused where the dataset's size is known
        "number-of-5000-digits": "cannot be read as TOML",
        "3000-brackets": "nested too deeply",
        "3000-tables": "nested too deeply",
        "overrides-are-a-number": r"has no setting 'overrides'",
        "run-is-a-number": r"\[run\] is a table",
        "seed-is-text": r"'seed' in \[run\] of",
        "unknown-table": "unknown table",
        "not-utf-8": "cannot be read as TOML",
        "a-null-byte": "cannot be read as TOML",
    },
    "roles": {
        "sound": None,
        "digests-not-sorted": ROLES.format("its digests are not sorted and different"),
        "a-digest-twice": ROLES.format("its digests are not sorted and different"),
        "digests-of-15-bytes": r"its digests are uint8 \(4, 15\), not uint8",
        "digests-as-numbers": r"its digests are int64 \(4, 16\), not uint8",
        "digests-flat": r"its digests are uint8 \(64,\), not uint8",
        "one-role-too-few": r"its roles are uint8 \(3,\), not uint8 \(4,\)",
        "a-role-of-3": "its image 3 has the unknown role 3",
        "roles-as-floats": "its roles are float64",
        "roles-as-objects": UNREADABLE_ROLES,
        "roles-alone": UNREADABLE_ROLES,
        "encrypted": UNREADABLE_ROLES,
        "unknown-method": UNREADABLE_ROLES,
        "cut-off": UNREADABLE_ROLES,
        "a-single-array": UNREADABLE_ROLES,
        "pickle": UNREADABLE_ROLES,
        "text": UNREADABLE_ROLES,
        "empty": UNREADABLE_ROLES,
    },
}
FILES = [path for folder in SENTENCES for path in sorted((CORPUS / folder).iterdir())]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_file_is_refused_with_its_sentence_or_read(path: Path) -> None:
    name = path.name.partition(".")[0].removesuffix("-images-idx3-ubyte")
    expected = SENTENCES[path.parent.name].get(name)
    sentence = outcome(
        TARGETS[path.parent.name if path.parent.name != "samples" else "sample-submission"], path.read_bytes()
    )
    if expected is None:
        assert sentence is None
    else:
        assert sentence is not None
        assert re.search(expected, sentence), sentence


@pytest.mark.parametrize("name", TARGETS)
def test_what_fuzzing_found_is_fixed(name: str) -> None:
    for path in sorted((CORPUS / "found").glob(f"{TARGETS[name].corpus}/*")):
        outcome(TARGETS[name], path.read_bytes())
