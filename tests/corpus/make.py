"""Write the corpus again: ``python tests/corpus/make.py``. What fuzzing found is kept as it is, in ``found/``."""

import gzip
import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

CORPUS = Path(__file__).parent
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 2, 2), dtype=np.uint8)
LABELS = np.arange(12) % 3


def table(edit: Callable[[list[list[str]]], object] = lambda rows: None, newline: str = "\n") -> bytes:
    """A CSV of 12 images of 2 x 2, whose header is row 0 for ``edit``."""
    rows = [["label", "pixel0", "pixel1", "pixel2", "pixel3"]]
    rows += [
        [str(label), *(str(pixel) for pixel in image.ravel())] for label, image in zip(LABELS, IMAGES, strict=True)
    ]
    edit(rows)
    return newline.join(",".join(row) for row in [*rows, []]).encode("utf-8", "surrogateescape")


def put(row: int, column: int, text: str) -> Callable[[list[list[str]]], object]:
    return lambda rows: rows[row].__setitem__(column, text)


def blank(*places: int, then: Callable[[list[list[str]]], object]) -> Callable[[list[list[str]]], object]:
    def edit(rows: list[list[str]]) -> None:
        then(rows)
        for place in places:
            rows.insert(place, [])

    return edit


CSV = {
    "sound": table(),
    "sound-unlabelled": table(lambda rows: [row.pop(0) for row in rows]),
    "sound-crlf": table(newline="\r\n"),
    "sound-blank-lines": table(blank(1, 1, 5, 16, then=lambda rows: None)),
    "header-skips-a-pixel": table(put(0, 4, "pixel4")),
    "header-with-a-control-character": table(put(0, 4, "pixel\x1b[2J")),
    "header-of-25-kB": table(put(0, 0, "l" * 25_000)),
    "field-of-5000-digits": table(put(2, 1, "9" * 5000)),
    "negative-field-of-5000-digits": table(put(2, 1, "-" + "9" * 5000)),
    "fault-after-blank-lines": table(blank(1, 1, 4, then=put(5, 1, "300"))),
    "lone-class-after-blank-lines": table(blank(1, 1, 4, then=put(5, 0, "9"))),
    "line-of-spaces": table(lambda rows: rows.insert(3, ["   "])),
    "not-utf-8": table(put(2, 1, "\udce9")),
    "a-null-byte": table(put(2, 1, "1\0")),
    "digits-of-another-script": table(put(2, 1, "٣")),
    "minus-zero": table(put(2, 1, "-0")),
}


def archive(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **({"images": IMAGES, "labels": LABELS} | arrays))
    return stream.getvalue()


def with_member(content: bytes, name: str = "images.npy", method: int = zipfile.ZIP_STORED) -> bytes:
    """An archive whose images are these bytes."""
    labels = io.BytesIO()
    np.save(labels, LABELS)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as packed:
        packed.writestr(zipfile.ZipInfo(name), content, method)
        packed.writestr(zipfile.ZipInfo("labels.npy"), labels.getvalue(), method)
    return stream.getvalue()


def npy(header: str, content: bytes = b"", version: bytes = b"\1\0") -> bytes:
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H" if version == b"\1\0" else "<I", len(text)) + text + content


def header(shape: str, descr: str = "'<f8'") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}"


def patched(content: bytes, local: int, central: int, value: int) -> bytes:
    """The same 16-bit field of the first member's two headers."""
    changed = bytearray(content)
    struct.pack_into("<H", changed, content.index(b"PK\3\4") + local, value)
    struct.pack_into("<H", changed, content.index(b"PK\1\2") + central, value)
    return bytes(changed)


NPZ = {
    "sound": archive(),
    "sound-black-and-white": archive(
        images=np.stack([np.unpackbits(np.uint8(n)).reshape(2, 4) for n in range(12)]).astype(np.float32)
    ),
    "encrypted": patched(archive(), 6, 8, 1),
    "unknown-method": patched(archive(), 8, 10, 99),
    "stored-said-to-be-deflated": patched(archive(), 8, 10, zipfile.ZIP_DEFLATED),
    "stored-said-to-be-lzma": patched(archive(), 8, 10, zipfile.ZIP_LZMA),
    "stored-said-to-be-bzip2": patched(archive(), 8, 10, zipfile.ZIP_BZIP2),
    "pixel-changed": archive().replace(IMAGES.tobytes(), IMAGES.tobytes()[::-1]),
    "member-is-text": with_member(b"hello"),
    "member-is-empty": with_member(b""),
    "announces-2-GiB-of-floats": with_member(npy(header("(300000000,)"), b"\0" * 64)),
    "announces-more-than-it-holds": with_member(npy(header("(9, 2, 2)"), b"\0" * 64)),
    "announces-less-than-it-holds": with_member(npy(header("(1, 2, 2)"), b"\0" * 64)),
    "shape-beyond-64-bits": with_member(npy(header("(0, 9223372036854775807, 9223372036854775807)"))),
    "negative-shape": with_member(npy(header("(-1, 2, 2)"), b"\0" * 32)),
    "shape-is-a-word": with_member(npy(header("'all'"))),
    "shape-is-deeply-nested": with_member(npy(header("(" * 3000 + ")" * 3000))),
    "header-is-code": with_member(npy("__import__('os').abort()")),
    "header-is-not-closed": with_member(npy("{'descr': '<f8', ")),
    "type-unknown": with_member(npy(header("(2,)", "'<q9'"))),
    "named-fields": archive(images=np.zeros(12, [("a", "u1"), ("b", "u1")])),
    "python-objects": archive(images=np.array([[None]] * 12)),
    "version-9": with_member(b"\x93NUMPY\t\0" + b"\0" * 64),
    "complex": archive(images=IMAGES.astype(complex)),
    "dates": archive(labels=np.array(["2026-01-01"] * 12, "M8[D]")),
    "text-of-no-length": archive(labels=np.zeros(12, "U0")),
    "labels-2-to-63": archive(labels=LABELS.astype(np.uint64) + np.uint64(2**63)),
    "labels-1e300": archive(labels=LABELS * 1e300),
    "labels-infinite": archive(labels=np.where(LABELS == 2, np.inf, LABELS)),
    "one-label-alone": archive(labels=np.int64(3)),
    "images-without-rows": archive(images=IMAGES[:0], labels=LABELS[:0]),
    "no-members": b"PK\5\6" + b"\0" * 18,
    "directory-cut-off": archive()[:-40],
    "text": b"x,y\n1,2\n",
    "empty": b"",
}


def idx(lengths: tuple[int, ...], content: bytes = b"", kind: int = 8) -> bytes:
    return struct.pack(f">BBBB{len(lengths)}I", 0, 0, kind, len(lengths), *lengths) + content


IDX = {
    "sound": idx((12, 2, 2), IMAGES.tobytes()),
    "sound-gzip": gzip.compress(idx((12, 2, 2), IMAGES.tobytes()), mtime=0),
    "sound-labels": idx((12,), LABELS.astype(np.uint8).tobytes()),
    "no-images-of-enormous-sides": idx((0, 2**32 - 1, 2**32 - 1)),
    "announces-2-to-96": idx((2**32 - 1, 2**32 - 1, 2**32 - 1)),
    "announces-4-GiB-gzip": gzip.compress(idx((2**22, 32, 32), b"\0" * 999), mtime=0),
    "more-than-announced-gzip": gzip.compress(idx((3, 2, 2), b"\0" * 999), mtime=0),
    "gzip-with-a-wrong-checksum": gzip.compress(idx((12, 2, 2), IMAGES.tobytes()), mtime=0)[:-8] + b"\1" * 8,
    "gzip-of-an-unknown-method": b"\x1f\x8b\x07" + gzip.compress(idx((1, 2, 2)), mtime=0)[3:],
    "gzip-header-alone": b"\x1f\x8b",
    "floats": idx((3, 2, 2), b"\0" * 48, kind=0x0D),
    "empty": b"",
}


def picture(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def png_of_16_bits(colour: int, channels: int) -> bytes:
    """A PNG of 2 x 2 with 16 bits per channel, which Pillow can read but not write."""
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + bytes(range(row, row + 4 * channels)) for row in (1, 100))
    start = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + start + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def bmp_of_16_bits() -> bytes:
    """A BMP of 2 x 2 with 5, 6 and 5 bits for its colours, of which nothing is lost."""
    masks = struct.pack("<3I", 0xF800, 0x07E0, 0x001F)
    header = struct.pack("<IiiHHIIiiII", 40, 2, 2, 1, 16, 3, 8, 2835, 2835, 0, 0)
    start = struct.pack("<2sIHHI", b"BM", 14 + 40 + 12 + 8, 0, 0, 14 + 40 + 12)
    return start + header + masks + struct.pack("<4H", 0, 0xFFFF, 0xF800, 0x001F)


GREY = Image.fromarray(IMAGES[0])
STROKE = np.zeros((28, 28), np.uint8)
STROKE[4:24, 12:16] = 255
PICTURES = {
    "sound.png": picture(GREY, "PNG"),
    "sound-stroke.png": picture(Image.fromarray(STROKE), "PNG"),
    "sound-stroke.jpg": picture(Image.fromarray(255 - STROKE).resize((40, 60)), "JPEG"),
    "sound.jpg": picture(GREY, "JPEG"),
    "sound.bmp": picture(GREY, "BMP"),
    "sound.gif": picture(GREY, "GIF"),
    "sound.tif": picture(GREY, "TIFF"),
    "sound.webp": picture(GREY, "WEBP", lossless=True),
    "sound.pgm": picture(GREY, "PPM"),
    "rgb-of-16-bits.png": png_of_16_bits(2, 3),
    "rgba-of-16-bits.png": png_of_16_bits(6, 4),
    "grey-and-alpha-of-16-bits.png": png_of_16_bits(4, 2),
    "rgb-of-16-bits.ppm": b"P6\n2 2\n65535\n" + bytes(range(24)),
    "announces-a-terapixel.png": picture(GREY, "PNG").replace(
        struct.pack(">II", 2, 2), struct.pack(">II", 2**20, 2**20)
    ),
    "sound-16-bits-in-all.bmp": bmp_of_16_bits(),
    "text.png": b"hello",
    "empty.png": b"",
}


def roles(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    digests = np.arange(64, dtype=np.uint8).reshape(4, 16)
    np.savez_compressed(stream, **({"digests": digests, "roles": np.array([0, 1, 2, 0], np.uint8)} | arrays))
    return stream.getvalue()


ROLES = {
    "sound": roles(),
    "encrypted": patched(roles(), 6, 8, 1),
    "unknown-method": patched(roles(), 8, 10, 99),
    "digests-not-sorted": roles(digests=np.arange(64, dtype=np.uint8).reshape(4, 16)[::-1]),
    "a-digest-twice": roles(digests=np.zeros((4, 16), np.uint8)),
    "digests-of-15-bytes": roles(digests=np.arange(60, dtype=np.uint8).reshape(4, 15)),
    "digests-as-numbers": roles(digests=np.arange(64).reshape(4, 16)),
    "digests-flat": roles(digests=np.arange(64, dtype=np.uint8)),
    "one-role-too-few": roles(roles=np.zeros(3, np.uint8)),
    "a-role-of-3": roles(roles=np.array([0, 1, 3, 0], np.uint8)),
    "roles-as-floats": roles(roles=np.array([0.0, 1, 2, 0])),
    "roles-as-objects": roles(roles=np.array([None] * 4)),
    "roles-alone": roles().replace(b"digests.npy", b"digest2.npy"),
    "cut-off": roles()[:-40],
    "a-single-array": npy(header("(2,)"), b"\0" * 16),
    "pickle": b"\x80\x04N.",
    "text": b"hello",
    "empty": b"",
}

SETTINGS = {
    "sound": b'[run]\nseed = 3\ntrain_sizes = ["0.1", "all"]\n\n[recipe.cnn]\nepochs = 2\n',
    "number-of-5000-digits": b"[run]\nseed = " + b"9" * 5000,
    "3000-brackets": b"[run]\nseed = " + b"[" * 3000 + b"]" * 3000,
    "3000-tables": b"[run]\nseed = " + b"{a=" * 3000 + b"1" + b"}" * 3000,
    "size-of-a-tiny-power": b'[run]\ntrain_sizes = ["1e-999999999"]\n',
    "overrides-are-a-number": b"[run]\noverrides = 5\n",
    "run-is-a-number": b"run = 5\n",
    "seed-is-text": b'[run]\nseed = "' + b"x" * 25_000 + b'"\n',
    "unknown-table": b"[" + b"x" * 25_000 + b"]\n",
    "not-utf-8": b"[run]\nname = '\xe9'\n",
    "a-null-byte": b"[run]\nseed = \0\n",
}

FOLDERS = {"csv": (CSV, ".csv"), "npz": (NPZ, ".npz"), "idx": (IDX, "-images-idx3-ubyte"), "pictures": (PICTURES, "")}
FOLDERS |= {"roles": (ROLES, ".npz"), "settings": (SETTINGS, ".toml")}


def main() -> None:
    for folder, (cases, suffix) in FOLDERS.items():
        (CORPUS / folder).mkdir(exist_ok=True)
        for name, content in cases.items():
            (CORPUS / folder / f"{name}{suffix}").write_bytes(content)


if __name__ == "__main__":
    main()
