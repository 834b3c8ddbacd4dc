"""`trifleet cluster`: everything that docs/deployment.md spreads over machines, on this one."""

import json
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trifleet.commands.common import (
    Json,
    Steps,
    log_to_stderr,
    print_table,
    stop_on_signals,
)
from trifleet.errors import UsageError

if TYPE_CHECKING:
    from trifleet.cluster.cluster import Cluster
    from trifleet.cluster.faults.trials import Result
    from trifleet.load.audit import Report

app = typer.Typer(
    no_args_is_help=True,
    help="Three brokers, PostgreSQL with a standby, several workers: as processes here.",
)
Folder = Annotated[
    Path,
    typer.Option("--data", help="Folder of the cluster. PostgreSQL's account must reach it."),
]
_LEAST_S = 8
DEFAULT_FOLDER = Path("data-cluster")
Workers = Annotated[int, typer.Option(help="Of the ingest.")]


@app.command("run")
def run(data: Folder = DEFAULT_FOLDER, workers: Workers = 3, as_json: Json = False) -> None:
    """Start a cluster and keep it whole until Ctrl-C; a later start continues from there.

    Kill whatever you like: it comes back, and a dead primary of the database is replaced by its
    standby. Needs requirements-scale.txt, and Debian's rabbitmq-server and haproxy.
    """
    from trifleet.cluster.cluster import Cluster

    log_to_stderr(logging.WARNING)
    stop = stop_on_signals()
    steps = Steps(as_json)
    cluster = Cluster(data, workers)
    try:
        cluster.start(steps.say, stop)
        if not stop.is_set():
            _welcome(cluster, steps, as_json)
        cluster.tend_until(stop)
    finally:
        has_begun = bool(cluster.pids())
        if has_begun:
            steps.say("stopping", "")
        cluster.stop()
        if has_begun:
            steps.say("stopped", "no process is left; the next start continues from here")


def _welcome(cluster: "Cluster", steps: Steps, as_json: bool) -> None:
    if not as_json:
        print_table(("part", "process", "what it does"), describe(cluster))
    steps.say("operators", f"{cluster.address}/fleet")
    steps.say("gateways", f"MQTT over mutual TLS on 127.0.0.1:{cluster.ports['mqtt']}")
    steps.say("ready", "kill what you like; Ctrl-C ends it")


def describe(cluster: "Cluster") -> list[tuple[str, int, str]]:
    """What runs, under which number, as what."""
    writer, primary = cluster.writer(), cluster.pair.primary.pid
    words = {
        "epmd": "port mapper of the brokers",
        "proxy": "haproxy in front of all",
        "issuer": "signs grants",
    }
    rows = []
    for name, pid in cluster.pids().items():
        kind = name.partition("-")[0]
        said = {
            "node": "RabbitMQ",
            "postgres": "database: primary" if pid == primary else "database: standby",
            "ingest": "worker",
            "ledger": "writes the log" if name == writer else "stands by",
            "api": "API and pages",
        }.get(kind, words.get(name, ""))
        port = cluster.ports.get(name) or cluster.ports.get(f"{name}-mqtt")
        rows.append((name, pid, f"{said}, port {port}" if port else said))
    return rows


@app.command("hand-over")
def hand_over(data: Folder = DEFAULT_FOLDER) -> None:
    """Let the other ledger program write the log: the writer ends in order and stands by again."""
    from trifleet.cluster.handover import hand_over as change

    before, after, seconds = change(data)
    print(f"{before} gave the log over to {after} in {seconds:.1f} s")


@app.command("prepare")
def prepare(
    data: Annotated[Path, typer.Option("--data", help="Folder that holds the owner's keys.")],
    broker: Annotated[str, typer.Option(help="Name of the brokers inside.")] = "broker",
    name: Annotated[
        list[str] | None, typer.Option(help="Name of the brokers for gateways; repeat for more.")
    ] = None,
    node: Annotated[
        list[str] | None, typer.Option(help="Erlang name of a node; three, five or seven times.")
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="URL without a password; all servers of a pair.")
    ] = None,
    tiles: Annotated[
        str | None, typer.Option(help="Store of the log's files: s3://bucket/prefix.")
    ] = None,
) -> None:
    """Make keys, certificates and settings for a cluster in containers: see docs/deployment.md.

    One folder for each program. May be repeated: it renews what is about to end.
    """
    from trifleet.cluster.prepare import COMPOSE_DATABASE, COMPOSE_NODES, COMPOSE_TILES, Wish
    from trifleet.cluster.prepare import prepare as make

    wish = Wish(
        broker,
        tuple(name or ()),
        tuple(node or COMPOSE_NODES),
        database or COMPOSE_DATABASE,
        tiles or COMPOSE_TILES,
    )
    make(data.absolute(), wish, Steps().say)


@app.command("register")
def register(
    data: Annotated[Path, typer.Option("--data", help="The folder that `prepare` made.")],
) -> None:
    """Once its database runs: make the tables, and the issuer known. May be repeated."""
    from trifleet.cluster.prepare import register as make

    make(data.absolute())
    print("the database has its tables and knows the issuer")


@app.command("faults")
def faults(
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="This blow alone; repeat for more.")
    ] = None,
    gateways: Annotated[int, typer.Option(help="Of the load, each with a vehicle.")] = 20,
    seconds: Annotated[float, typer.Option(help="Of load for each blow, at least 8.")] = 15,
    workers: Workers = 3,
    data: Annotated[
        Path | None, typer.Option(help="Keep everything in this new or empty folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Strike a cluster of its own under load, part by part, and count what is in its ledger.

    Exit status 1 where after a blow anything that was sent is not in the ledger exactly once.
    """
    from trifleet.cluster.faults.blows import BLOWS
    from trifleet.cluster.faults.trials import Trials, Wish
    from trifleet.load.figures import new_histogram

    new_histogram()  # a package that is missing is told before anything is started
    known = {one.name: one for one in BLOWS}
    if unknown := [name for name in only or () if name not in known]:
        raise UsageError(f"no blow is called {unknown[0]!r}: {', '.join(known)}")
    if seconds < _LEAST_S:
        raise UsageError(f"seconds: {_LEAST_S} at least, so that a blow is seen; not {seconds:g}")
    log_to_stderr(logging.ERROR)  # what is struck complains
    stop = stop_on_signals()
    steps = Steps(as_json)
    with tempfile.TemporaryDirectory(prefix="trifleet-faults-") as folder:
        Path(folder).chmod(0o711)
        wish = Wish(gateways, seconds)
        blows = [known[name] for name in only or known]
        trials = Trials(data or Path(folder) / "cluster", workers, blows, wish)
        results = trials.run(steps.say, stop)
    _tell(results, as_json)
    if len(results) < len(blows) or not all(one.is_good for one in results):
        raise typer.Exit(1)


def _tell(results: "list[Result]", as_json: bool) -> None:
    if as_json:
        for one in results:
            told = {"blow": one.blow.name, "hit": one.hit, "pause_s": round(one.pause_s, 2)}
            print(json.dumps(told | {"log": vars(one.report)}))
        return
    rows = [(one.blow.name, one.hit, f"{one.pause_s:.1f}", *counted(one.report)) for one in results]
    titles = ("blow", "hit", "pause s", "sent", "in the ledger", "lost", "doubled", "altered")
    print_table(titles, rows)


def counted(report: "Report") -> tuple[int, ...]:
    return report.sent, report.logged, report.lost, report.doubled, report.altered
