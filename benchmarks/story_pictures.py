"""Pictures for the story, drawn from a seed: digits in grey, and coloured shapes of mixed sizes."""

import json
from importlib.resources import files

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SHAPES = ("bar", "cross", "disc", "ring", "square", "triangle")
SMALLEST_SIDE, LARGEST_SIDE = 24, 64
Labelled = tuple[str, Image.Image]
"""The name of a class, and a picture of it."""


def digits(count: int, seed: int, side: int = 16, sway: float = 0.22) -> list[Labelled]:
    """Return digits written by a shaky hand, light on dark, as many of each.

    Args:
        count: How many.
        seed: Of the hand.
        side: Of each picture, in pixels.
        sway: How far the hand turns and slants them: standard deviation in radians.
    """
    rng = np.random.default_rng([seed, 1])
    strokes = json.loads((files("pipeline.serving") / "static" / "strokes.json").read_text(encoding="utf-8"))
    return [(str(number % 10), _digit(strokes[str(number % 10)], side, sway, rng)) for number in range(count)]


def shapes(count: int, seed: int, disturbance: float = 0.0) -> list[Labelled]:
    """Return shapes of any colour on any paper, of mixed sizes, as many of each.

    Args:
        count: How many.
        seed: Of everything that is drawn.
        disturbance: How hard they are made to see, by turning, stray lines and noise; 0 (not at all) to 1.
    """
    rng = np.random.default_rng([seed, 2])
    kinds = [SHAPES[number % len(SHAPES)] for number in range(count)]
    if not disturbance:
        return [(kind, _shape(kind, rng)) for kind in kinds]
    return [(kind, _disturbed(_shape(kind, rng), disturbance, rng)) for kind in kinds]


def _digit(strokes: list[list[list[int]]], side: int, sway: float, rng: np.random.Generator) -> Image.Image:
    large = side * 4
    picture = Image.new("L", (large, large), 0)
    angle, shear, scale = rng.normal(0, sway), rng.normal(0, sway / 1.1), rng.uniform(0.6, 0.95)
    turn = np.array([[np.cos(angle), -np.sin(angle) + shear], [np.sin(angle), np.cos(angle)]]) * scale
    shift = 50 + rng.normal(0, 5, 2)
    for stroke in strokes:
        points = (np.array(stroke) + rng.normal(0, 3.5, (len(stroke), 2)) - 50) @ turn.T + shift
        path = [tuple(point) for point in (points * large / 100).tolist()]
        ImageDraw.Draw(picture).line(path, fill=255, width=int(rng.integers(3, 9)), joint="curve")
    grey = np.asarray(picture.resize((side, side), Image.Resampling.BOX), np.float64)
    return Image.fromarray(np.clip(grey + rng.normal(0, 18, grey.shape), 0, 255).astype(np.uint8))


def _shape(kind: str, rng: np.random.Generator) -> Image.Image:
    width, height = rng.integers(SMALLEST_SIDE, LARGEST_SIDE + 1, 2).tolist()
    hue = rng.uniform(0, 1)
    paper, ink = _colour(hue, 0.25, rng), _colour((hue + rng.uniform(0.3, 0.7)) % 1, 0.9, rng)
    picture = Image.new("RGB", (width, height), paper)
    draw = ImageDraw.Draw(picture)
    side = min(width, height)
    radius = side * rng.uniform(0.22, 0.42)
    x, y = (length / 2 + rng.uniform(-0.1, 0.1) * side for length in (width, height))
    box = (x - radius, y - radius, x + radius, y + radius)
    line = max(2, round(side * rng.uniform(0.06, 0.14)))
    if kind == "bar":
        draw.line((x - radius, y - radius, x + radius, y + radius), fill=ink, width=line)
    elif kind == "cross":
        draw.line((x - radius, y, x + radius, y), fill=ink, width=line)
        draw.line((x, y - radius, x, y + radius), fill=ink, width=line)
    elif kind == "disc":
        draw.ellipse(box, fill=ink)
    elif kind == "ring":
        draw.ellipse(box, outline=ink, width=line)
    elif kind == "square":
        draw.rectangle(box, outline=ink, width=line)
    else:
        draw.polygon([(x, y - radius), (x - radius, y + radius), (x + radius, y + radius)], outline=ink, width=line)
    return picture.filter(ImageFilter.GaussianBlur(0.6))


def _disturbed(picture: Image.Image, disturbance: float, rng: np.random.Generator) -> Image.Image:
    turned = picture.rotate(rng.uniform(-45, 45) * disturbance, Image.Resampling.BILINEAR, fillcolor=_corner(picture))
    draw = ImageDraw.Draw(turned)
    for _ in range(rng.poisson(2 * disturbance)):
        ends = rng.uniform(0, 1, (2, 2)) * turned.size
        draw.line([tuple(end) for end in ends.tolist()], fill=_colour(rng.uniform(0, 1), 0.9, rng), width=2)
    pixels = np.asarray(turned, np.float64) + rng.normal(0, 60 * disturbance, (*turned.size[::-1], 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _corner(picture: Image.Image) -> tuple[int, int, int]:
    red, green, blue = np.asarray(picture)[0, 0].tolist()
    return red, green, blue


def _colour(hue: float, saturation: float, rng: np.random.Generator) -> tuple[int, int, int]:
    import colorsys

    value = 0.95 if saturation < 0.5 else rng.uniform(0.35, 0.75)
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)
