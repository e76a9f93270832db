"""What tests listen with: the sentences told, and the waits asked for."""

from dataclasses import dataclass, field

KEY = "a-key-nobody-should-see"


@dataclass
class Told:
    """Collects what a person would read."""

    sentences: list[str] = field(default_factory=list)

    def __call__(self, sentence: str) -> None:
        self.sentences.append(sentence)

    def __contains__(self, words: str) -> bool:
        return any(words in sentence for sentence in self.sentences)


@dataclass
class Naps:
    """Waits for nothing, and remembers for how long it was asked to wait."""

    seconds: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
