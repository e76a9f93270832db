"""A small dataset of digits with images that wait for review, and a champion that sees fours everywhere."""

import tempfile
from pathlib import Path

import numpy as np
from served import constant_onnx, install_version

from pipeline.data import sources
from pipeline.growing import ingest, quarantine, screening
from pipeline.growing.arrivals import Desk
from pipeline.store.home import Home

NAME = "numerals"
TOKEN = "c0ffee" * 8
CAUSES = (screening.DOUBTED, screening.UNLABELLED, quarantine.AUDIT, quarantine.CORRECTED)


def make_queue(home: Home) -> Home:
    """Fill a home: 60 stored digits, and one image for each of four causes."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.kron(digits.images[:64] * 255 / 16, np.ones((1, 3, 3))).astype(np.uint8)
    images = np.pad(images, ((0, 0), (2, 2), (2, 2)))[..., None]
    with tempfile.TemporaryDirectory() as scratch:
        np.savez(Path(scratch) / "digits.npz", images=images[:60], labels=digits.target[:60])
        desk = Desk(Path(scratch), lambda spec: sources.read(spec, download=False), lambda *_: None, lambda _: None)
        order = ingest.Order((f"{scratch}/digits.npz",), NAME)
        ingest.ingest(home, order, desk, lambda done, total: None)
    install_version(home, constant_onnx((28, 28, 1), 4), "20261121-134502-cnn-60-7f3a", NAME)
    waiting = [
        quarantine.of_pixels(
            image, cause=cause, source=f"{cause}.png", batch="b", label=7 if cause != screening.UNLABELLED else -1,
            reason="Somebody says so.",
        )
        for image, cause in zip(images[60:], CAUSES, strict=True)
    ]  # fmt: skip
    quarantine.add(home.datasets / NAME, "b", waiting, tuple("0123456789"))
    return home
