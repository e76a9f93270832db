"""Single-image predictions a second over HTTP: the server and this client on the same cores.

Run: ``python -m benchmarks serving``, or ``python -m benchmarks.serving [--home DIR] [--seconds 10] …`` for a
home that has a champion already. Without one, a small champion is trained in a temporary home first.
"""

import argparse
import asyncio
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import measure

ROOT = Path(__file__).parents[1]
WARM_UP_SECONDS = 1.0
QUICK = ("--dataset", "digits", "--train-sizes", "all", "--models", "cnn", "--effort", "quick")


@dataclass(frozen=True)
class Load:
    """What is measured: whose champion, for how long, over how many connections, how often."""

    home: Path
    seconds: float = 10.0
    connections: int = 16
    repeats: int = 3


def main() -> str:
    """Train a quick champion, measure it, and return the section of ``RESULTS.md``."""
    with tempfile.TemporaryDirectory() as folder:
        _train(Path(folder))
        return section(Load(Path(folder)))


def section(load: Load) -> str:
    """Return the measurements of one champion as Markdown."""
    ready = [_seconds_to_ready(load.home) for _ in range(load.repeats)]
    rows = []
    with running(load.home) as (host, port):
        facts = json.loads(asyncio.run(get(host, port, "/production")))
        for name, request in requests(facts["shape"]).items():
            asyncio.run(load_server(host, port, request, load.connections, WARM_UP_SECONDS))
            runs = [
                asyncio.run(load_server(host, port, request, load.connections, load.seconds))
                for _ in range(load.repeats)
            ]
            rows.append((name, *_summary(runs, load.seconds)))
    columns = ("request", "predictions per second", "median ms", "p99 ms", "slowest run: per second, p99 ms")
    return (
        "## Serving: single images over HTTP\n\n"
        f"`simulator.py serve` with a `{facts['recipe']}` for {facts['dataset']}, {load.connections} connections, "
        f"client and server together on {cores()} cores, {load.repeats} runs of {load.seconds:g} s each. "
        f"Ready {measure.mean_and_spread(ready)} s after the process was started. "
        "Aim: 1,000 a second with p99 under 50 ms.\n\n" + measure.table(columns, rows)
    )


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _train(home: Path) -> None:
    """A quick champion for scikit-learn's digits, enlarged to MNIST's size: the network is the same."""
    command = [sys.executable, str(ROOT / "simulator.py"), "run", "--home", str(home), *QUICK]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _options(arguments: Sequence[str] | None = None) -> Load:
    parser = argparse.ArgumentParser(description="Single-image predictions a second over HTTP.")
    parser.add_argument("--home", type=Path, default=ROOT, help="where production/ is")
    parser.add_argument("--seconds", type=float, default=Load.seconds)
    parser.add_argument("--connections", type=int, default=Load.connections)
    parser.add_argument("--repeats", type=int, default=Load.repeats)
    return Load(**vars(parser.parse_args(arguments)))


def _seconds_to_ready(home: Path) -> float:
    started = time.perf_counter()
    with running(home):
        return time.perf_counter() - started


@contextmanager
def running(home: Path, *options: str) -> Iterator[tuple[str, int]]:
    """Run ``simulator.py serve`` with a home; yields host and port once it is ready."""
    command = [sys.executable, str(ROOT / "simulator.py"), "serve", "--port", "0", "--home", str(home), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = next(word for word in process.stdout.readline().split() if word.startswith("http://"))
        host, port = address.removeprefix("http://").split(":")
        asyncio.run(get(host, int(port), "/readyz"))
        yield host, int(port)
    finally:
        process.terminate()
        process.wait(10)


def requests(shape: list[int]) -> dict[str, bytes]:
    """Return whole HTTP requests with one image each: pixels as JSON, and a drawing as a PNG file."""
    from PIL import Image, ImageDraw

    grey = shape[:2] if shape[2] == 1 else shape
    pixels = np.random.default_rng(0).integers(0, 256, grey).tolist()
    drawing = Image.new("L", (280, 280), 255)
    ImageDraw.Draw(drawing).line([(70, 60), (210, 60), (130, 230)], fill=0, width=21)
    png = io.BytesIO()
    drawing.save(png, format="PNG")
    part = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    return {
        "pixels as JSON": _post("application/json", json.dumps({"images": [pixels]}).encode()),
        "drawing as PNG": _post("multipart/form-data; boundary=b", part + png.getvalue() + b"\r\n--b--\r\n"),
    }


def _post(kind: str, body: bytes) -> bytes:
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def get(host: str, port: int, path: str) -> bytes:
    """Return the body of an answer."""
    reader, writer = await asyncio.open_connection(host, port)
    body = await exchange(reader, writer, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    writer.close()
    return body


async def load_server(host: str, port: int, request: bytes, connections: int, seconds: float) -> list[float]:
    """Send one request again and again over some connections; returns the seconds that each answer took."""
    until = time.perf_counter() + seconds
    parts = await asyncio.gather(*(_connection(host, port, request, until) for _ in range(connections)))
    return [latency for part in parts for latency in part]


async def _connection(host: str, port: int, request: bytes, until: float) -> list[float]:
    reader, writer = await asyncio.open_connection(host, port)
    latencies = []
    while (started := time.perf_counter()) < until:
        await exchange(reader, writer, request)
        latencies.append(time.perf_counter() - started)
    writer.close()
    return latencies


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    """Send a request and return the body of the answer."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"The server refused: {head.splitlines()[0].decode()}.")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return await reader.readexactly(int(length.split(b":")[1]))


def _summary(runs: list[list[float]], seconds: float) -> tuple[str, str, str, str]:
    rates = [len(latencies) / seconds for latencies in runs]
    medians, slowest = ([1_000 * float(np.quantile(run, share)) for run in runs] for share in (0.5, 0.99))
    return (
        measure.mean_and_spread(rates, digits=0),
        measure.mean_and_spread(medians, digits=1),
        measure.mean_and_spread(slowest, digits=1),
        f"{min(rates):,.0f}, {max(slowest):.1f}",
    )


if __name__ == "__main__":
    print(section(_options()))
