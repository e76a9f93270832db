"""Requests that are answered with a 4xx and a sentence."""

MOST_BYTES = 16 * 2**20
"""Of one request: a photo of a telephone has 3 to 8 MB."""
MOST_PICTURES = 32
"""Of one request, as files."""
MOST_IMAGES = 1_000
"""Of one request, as pixels."""
MOST_NUMBERS = 1_000_000
"""Of one request, as pixels."""
MOST_LISTS = 400_000
"""Of one request, as pixels."""
UNKNOWN_PREDICTION = "There is no prediction {} in the log: it was not kept, or is deleted."


class RequestRefusal(Exception):  # noqa: N818 - a normal answer, not an error of the server
    """A request that cannot be served.

    Attributes:
        status: The HTTP status.
        sentence: What is wrong with it and what to do.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
