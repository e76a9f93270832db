"""``serve``: the web page, the dashboard and the REST API."""

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.common import ChampionOption, HomeOption, console, dataset_name, notice
from pipeline.errors import SettingsError
from pipeline.store.home import Home

if TYPE_CHECKING:
    from fastapi import FastAPI

    from pipeline.serving.keeping import Keeping

KEEP = "What is kept"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SHUTDOWN_SECONDS = 5
"""How long open requests may go on after Ctrl+C."""
BACKLOG = 2048
"""Connections wait while the champion is being loaded, rather than being refused."""


HostOption = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 accepts connections from other machines.")]
PortOption = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")]
TokenOption = Annotated[
    Path | None, typer.Option(help="File with a token that every request must carry; the page asks for it.")
]
LogOption = Annotated[
    bool,
    typer.Option("--log", help="Keep images and predictions in served/; the page says so.", rich_help_panel=KEEP),
]
LogImagesOption = Annotated[
    int, typer.Option(min=1, max=1_000_000_000, help="Maximum number of predictions to keep.", rich_help_panel=KEEP)
]
LogDaysOption = Annotated[
    float, typer.Option(min=0.001, max=36_500, help="Maximum days to keep each prediction.", rich_help_panel=KEEP)
]
AuditOption = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        metavar="SHARE",
        help="Share of predictions to draw at random for blind labelling, which measures accuracy in production. "
        "Needs --log.",
        rich_help_panel=KEEP,
    ),
]
ShadowOption = Annotated[
    str | None,
    typer.Option(
        metavar="VERSION",
        help="Challenger that also predicts, in the background: its id, a part of it, previous or latest. "
        "Disagreements go to review. Needs --log.",
        rich_help_panel=KEEP,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("serve", rich_help_panel="Serve")(serve)


def serve(
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
    dataset: ChampionOption = None,
    token_file: TokenOption = None,
    log: LogOption = False,
    log_images: LogImagesOption = 100_000,
    log_days: LogDaysOption = 30.0,
    audit: AuditOption = 0.0,
    shadow: ShadowOption = None,
    home: HomeOption = None,
) -> None:
    """Serve the champion: a page to draw on, a dashboard, and a REST API.

    A promotion or rollback is picked up without a restart.
    """
    from pipeline.serving.access import made_token, read_token
    from pipeline.serving.app import create_app

    place = Home.find(home)
    dataset = dataset_name(place, dataset)
    _require_one(place, dataset)
    local = host in LOOPBACK
    token = read_token(token_file) if token_file else None
    private_token = made_token() if local and token is None else None
    if not log and (audit or shadow):
        raise SettingsError("--audit and --shadow keep images for a review: give --log as well.")
    keeping = _keeping(place, dataset, log_images, log_days, audit, shadow) if log else None
    hosts = ["localhost", "127.0.0.1", "[::1]"] if local else ["*"]
    app = create_app(place, dataset, hosts, token, private_token, keeping=keeping, notify=notice)
    listening = _listen(host, port)
    if not local and token is None:
        notice(
            "Without --token-file, everyone who can reach this address can use the model and read every report, and "
            "nobody can review images. `openssl rand -hex 32 > token.txt` makes a token."
        )
    _print_addresses(host, listening.getsockname()[1], private_token, corrections=log)
    _print_what_is_not_pointed_out(place, dataset)
    _run(app, listening)


def _run(app: "FastAPI", listening: socket.socket) -> None:
    import uvicorn

    from pipeline.serving.http_protocol import PatientProtocol

    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[listening])


def _print_addresses(host: str, port: int, private_token: str | None, *, corrections: bool) -> None:
    """Print where the pages are, and the link that signs a reviewer in."""
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{port}"
    console.print(f"Serving {address} (Ctrl+C stops)", soft_wrap=True, markup=False)
    if private_token is not None:
        link = f"{address}/review#token={private_token}"
        purpose = "review images and correct predictions" if corrections else "review images that wait for a decision"
        console.print(f"To {purpose}: {link}", soft_wrap=True, markup=False)


def _print_what_is_not_pointed_out(home: Home, dataset: str | None) -> None:
    from pipeline.store import drift_files, production

    for champion in production.all_current(home):
        if dataset in (None, champion.dataset) and drift_files.read_reference(home, champion) is None:
            console.print(
                "Images unlike the training images are not pointed out yet: `simulator.py drift --prepare "
                f"--dataset {champion.dataset}` makes what this needs, once for each champion.",
                soft_wrap=True,
                markup=False,
            )


def _keeping(home: Home, dataset: str | None, images: int, days: float, audit: float, shadow: str | None) -> "Keeping":
    from pipeline.serving.keeping import Keeping
    from pipeline.store import production, versions
    from pipeline.store.served_upkeep import Limits

    challenger = versions.require_whole(versions.find(home, shadow, dataset)) if shadow else None
    if challenger is not None and challenger.known_manifest is not None:
        own = challenger.known_manifest.dataset.name
        served = dataset or next(iter(production.datasets(home)), own)
        if own != served:
            raise SettingsError(f"{challenger.id} was trained on {own}, and {served} is served: name another --shadow.")
    return Keeping(Limits(images, days), audit, shadow=challenger)


def _require_one(home: Home, dataset: str | None) -> None:
    from pipeline.data import snapshots
    from pipeline.store import production

    if dataset is not None and snapshots.numbers(home.datasets / dataset):
        return  # its images can be reviewed before its first champion
    served = production.datasets(home)
    if dataset is None and len(served) > 1:
        raise SettingsError(f"Several datasets have a champion ({', '.join(served)}): choose one with --dataset.")
    if dataset is not None and served and dataset not in served:
        raise SettingsError(f"The dataset '{dataset}' has no champion; these have: {', '.join(served)}.")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle off: else each answer waits 40 ms for the client's ACK.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise SettingsError(f"Cannot listen on {host}, port {port} ({error.strerror}): choose another.") from error
    return listening
