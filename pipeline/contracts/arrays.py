"""The names of the arrays that everything here is made of, with their shapes."""

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
"""Pixels, uint8, shape ``[N, height, width, channels]``, 0 to 255."""
Labels = NDArray[np.int64]
"""Class indices, shape ``[N]``, 0 to ``len(classes) - 1``."""
Probabilities = NDArray[np.float32]
"""Class probabilities, shape ``[N, K]``, rows sum to 1."""
Digests = NDArray[np.void]
"""One 16-byte digest per image (``dtype='V16'``), shape ``[N]``: see ``pipeline.data.digests``."""
Rows = NDArray[np.int64]
"""Row numbers into a ``LabelledImages``, shape ``[n]``."""
Shape = tuple[int, int, int]
"""Height, width and channels of one image."""
