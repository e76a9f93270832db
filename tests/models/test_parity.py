"""An exported model answers as the one that was trained."""

import numpy as np
import pytest

from pipeline.errors import ModelError
from pipeline.inference import parity


def test_either_of_two_equally_probable_classes_may_come_first() -> None:
    native = np.float32([[0.50001, 0.49999], [0.9, 0.1]])
    found = parity.proven(native, np.float32([[0.49999, 0.50001], [0.9, 0.1]]))
    assert found.labels_changed == 0 and found.holds


def test_another_label_or_probability_is_refused() -> None:
    native = np.float32([[0.6, 0.4], [0.9, 0.1]])
    with pytest.raises(ModelError, match="1 of 2 labels"):
        parity.proven(native, np.float32([[0.4, 0.6], [0.9, 0.1]]))
    with pytest.raises(ModelError, match=r"0 of 2 labels, probabilities by up to 0\.001"):
        parity.proven(native, native + np.float32([0.001, -0.001]))
