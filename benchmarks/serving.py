"""Single-image predictions a second over HTTP: the server and this client on the same cores.

Run: ``python benchmarks/serving.py [--home DIR] [--seconds 10] [--connections 16]``. The home needs a champion.
"""

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
WARM_UP_SECONDS = 1.0


def main() -> None:
    options = _options()
    with _serving(options.home) as (host, port):
        shape = json.loads(asyncio.run(_get(host, port, "/production")))["shape"]
        for name, request in _requests(shape).items():
            asyncio.run(_load(host, port, request, options.connections, WARM_UP_SECONDS))
            for repeat in range(1, options.repeats + 1):
                latencies = asyncio.run(_load(host, port, request, options.connections, options.seconds))
                print(f"{name}, run {repeat}: {_summary(latencies, options.seconds)}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"{options.connections} connections, client and server together on {cores} cores, {platform.machine()}.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Single-image predictions a second over HTTP.")
    parser.add_argument("--home", type=Path, default=ROOT, help="where production/ is")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


@contextmanager
def _serving(home: Path) -> Iterator[tuple[str, int]]:
    command = [sys.executable, str(ROOT / "simulator.py"), "serve", "--port", "0", "--home", str(home)]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = next(word for word in process.stdout.readline().split() if word.startswith("http://"))
        host, port = address.removeprefix("http://").split(":")
        asyncio.run(_get(host, int(port), "/readyz"))
        print(f"ready {time.perf_counter() - started:.2f} s after the process was started")
        yield host, int(port)
    finally:
        process.terminate()
        process.wait(10)


def _requests(shape: list[int]) -> dict[str, bytes]:
    """Whole HTTP requests with one image each: pixels as JSON, and a drawing as a PNG file."""
    import io

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


async def _get(host: str, port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    body = await _exchange(reader, writer, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    writer.close()
    return body


async def _load(host: str, port: int, request: bytes, connections: int, seconds: float) -> list[float]:
    until = time.perf_counter() + seconds
    parts = await asyncio.gather(*(_connection(host, port, request, until) for _ in range(connections)))
    return [latency for part in parts for latency in part]


async def _connection(host: str, port: int, request: bytes, until: float) -> list[float]:
    reader, writer = await asyncio.open_connection(host, port)
    latencies = []
    while (started := time.perf_counter()) < until:
        await _exchange(reader, writer, request)
        latencies.append(time.perf_counter() - started)
    writer.close()
    return latencies


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"The server refused: {head.splitlines()[0].decode()}.")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return await reader.readexactly(int(length.split(b":")[1]))


def _summary(latencies: list[float], seconds: float) -> str:
    median, p99 = np.quantile(latencies, [0.5, 0.99]) * 1_000
    rate = len(latencies) / seconds
    return f"n = {len(latencies):,}, {rate:,.0f} predictions/s, median {median:.1f} ms, p99 {p99:.1f} ms"


if __name__ == "__main__":
    main()
