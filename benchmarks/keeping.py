"""What the log and a challenger cost the client: three servers with one champion, measured in turns in one run."""

import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks import measure, serving

DATASET = "numerals"
COMMANDS = (
    ("ingest", "digits", "--dataset", DATASET),
    ("run", "--dataset", DATASET, "--train-sizes", "all", "--models", "cnn", "--effort", "quick"),
    ("run", "--dataset", DATASET, "--train-sizes", "all", "--models", "logistic"),
)
"""A champion, and a challenger that is judged and stays one."""
ROUNDS = 12
SECONDS = 3.0
CONNECTIONS = 16
PACED = 100
"""Requests a second where the server is not at its limit."""


@dataclass
class Server:
    """A running server and what was measured of it, a list of seconds a round."""

    name: str
    host: str
    port: int
    full: list[list[float]] = field(default_factory=list)
    paced: list[list[float]] = field(default_factory=list)

    def rates(self, seconds: float) -> list[float]:
        """Return answers a second at full load, by round."""
        return [len(latencies) / seconds for latencies in self.full]

    def paced_ms(self, share: float) -> list[float]:
        """Return a quantile of the latency at the fixed rate, in milliseconds, by round."""
        return [1_000 * float(np.quantile(latencies, share)) for latencies in self.paced]


def main(rounds: int = ROUNDS, seconds: float = SECONDS) -> str:
    """Train champion and challenger, measure the servers in turns, and return the section of ``RESULTS.md``."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = Path(folder)
        for words in COMMANDS:
            _simulator(home, *words)
        champion, challenger = _versions(home)
        options = {"neither": (), "`--log`": ("--log",), "`--log --shadow`": ("--log", "--shadow", challenger)}
        servers = [Server(name, *stack.enter_context(serving.running(home, *given))) for name, given in options.items()]
        _measure(servers, rounds, seconds)
        seen = _metrics(servers[-1])
    plain = servers[0]
    rows = []
    for server in servers:
        ratios = [_ratios(server.rates(seconds), plain.rates(seconds))]
        ratios += [_ratios(server.paced_ms(share), plain.paced_ms(share)) for share in (0.5, 0.99)]
        figures = (server.rates(seconds), server.paced_ms(0.5), server.paced_ms(0.99))
        pairs = zip(figures, (0, 2, 1), ratios, strict=True)
        cells = [cell for one, digits, ratio in pairs for cell in (measure.mean_and_spread(one, digits=digits), ratio)]
        rows.append((server.name, *cells))
    columns = ("server", "a second, full load", "ratio", f"p50 ms, {PACED} a second", "ratio", "p99 ms", "ratio")
    return (
        "## What the log and a challenger cost\n\n"
        f"Three `simulator.py serve` of one champion (`{champion}`) in random order, {rounds} rounds of {seconds:g} s "
        f"each at full load ({CONNECTIONS} connections) and at {PACED} requests a second, client and servers together "
        f"on {serving.cores()} cores; single images as JSON. Ratios are within a round, to the server with neither. "
        "Aim for the client: a ratio of 1.\n\n" + measure.table(columns, rows) + "\n\n"
        f"The challenger (`{challenger}`) predicted {seen['shadow_predictions_total']:,.0f} of "
        f"{seen['predictions_logged_total']:,.0f} logged images and skipped {seen['shadow_skipped_total']:,.0f}."
    )


def _measure(servers: list[Server], rounds: int, seconds: float) -> None:
    facts = json.loads(asyncio.run(serving.get(servers[0].host, servers[0].port, "/production")))
    request = serving.requests(facts["shape"])["pixels as JSON"]
    order = random.Random(0)
    for server in servers:
        asyncio.run(serving.load_server(server.host, server.port, request, CONNECTIONS, serving.WARM_UP_SECONDS))
    for _ in range(rounds):
        for server in order.sample(servers, len(servers)):
            server.paced.append(asyncio.run(_paced(server, request, seconds)))
            server.full.append(
                asyncio.run(serving.load_server(server.host, server.port, request, CONNECTIONS, seconds))
            )
            _wait_until_idle(server)


async def _paced(server: Server, request: bytes, seconds: float) -> list[float]:
    """Send requests at a fixed rate over one connection; a late answer delays the next, and that counts as well."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    latencies, started = [], time.perf_counter()
    for number in range(round(PACED * seconds)):
        due = started + number / PACED
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await serving.exchange(reader, writer, request)
        latencies.append(time.perf_counter() - due)
    writer.close()
    return latencies


def _wait_until_idle(server: Server) -> None:
    """Wait until the challenger has caught up, so that its work is not charged to the next server."""
    while True:
        seen = _metrics(server)
        if "shadow_predictions_total" not in seen:
            return
        if seen["shadow_predictions_total"] + seen["shadow_skipped_total"] >= seen["predictions_logged_total"]:
            return
        time.sleep(0.2)


def _metrics(server: Server) -> dict[str, float]:
    text = asyncio.run(serving.get(server.host, server.port, "/metrics")).decode()
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def _ratios(figures: list[float], plain: list[float]) -> str:
    return measure.mean_and_spread([one / other for one, other in zip(figures, plain, strict=True)])


def _versions(home: Path) -> tuple[str, str]:
    """Return the champion and the other version."""
    champion = json.loads(_simulator(home, "production", "--json"))["champions"][0]["id"]
    found = [json.loads(path.read_text())["id"] for path in home.glob("versions/**/manifest.json")]
    return champion, next(name for name in found if name != champion)


def _simulator(home: Path, *words: str) -> str:
    command = [sys.executable, str(serving.ROOT / "simulator.py"), *words, "--home", str(home)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    print(main())
