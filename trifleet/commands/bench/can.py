"""`trifleet bench can`: the vehicle from its bus, by UDS, without opening the box of the VCU."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from trifleet.commands.bench.options import AsJson, Options, Sim, SimFolder
from trifleet.commands.bench.session import Session, at_bench
from trifleet.commands.bench.source import Notary, Policy

if TYPE_CHECKING:
    from workbench.uds.tester import Signer, Trouble, VehicleTester

app = typer.Typer(
    no_args_is_help=True,
    help="A vehicle from its CAN bus, without opening it. What changes something needs a key that "
    "the vehicle listens to.",
)

Channel = Annotated[
    str,
    typer.Option(
        "--channel",
        help="The bus: can0 (SocketCAN, 500 kbit/s), an slcan adapter as /dev/ttyACM1, or "
        "socket://HOST:PORT.",
    ),
]
Key = Annotated[
    Path,
    typer.Option("--key", help="Your private key, mode 0600: `trifleet keys new`."),
]
Grant = Annotated[
    Path | None,
    typer.Option("--grant", help="What the owner gave that key: `trifleet keys grant`."),
]
Language = Annotated[
    Literal["en", "fr"], typer.Option("--language", help="Of the trouble codes' words: en or fr.")
]
RELEASE = typer.Argument(help="A release, NAME.tfr, with NAME.tfr.receipt beside it.")


@app.callback()
def group() -> None:
    """A vehicle from its CAN bus, without opening it."""


@app.command("identify")
def identify(
    channel: Channel = "", sim: Sim = False, sim_folder: SimFolder = None, as_json: AsJson = False
) -> None:
    """Say which vehicle this is and how it is: software, way, charge, starts. Changes nothing."""
    with _tester("identify", channel, Options(None, as_json, False, sim, sim_folder)) as (
        session,
        tester,
    ):
        from workbench.uds.table import DATA

        found = tester.identify()
        for name, _, unit, _ in DATA.values():
            if name in found:
                session.say(name, f"{_shown(found[name])} {unit}".strip())
        session.values |= {name: _shown(value) for name, value in found.items()}


@app.command("diagnose")
def diagnose(
    channel: Channel = "",
    language: Language = "en",
    sim: Sim = False,
    sim_folder: SimFolder = None,
    as_json: AsJson = False,
) -> None:
    """Read the trouble codes, with what the vehicle knew when each of them came.

    Exit code 17: something is faulty now. Changes nothing.
    """
    with _tester("diagnose", channel, Options(None, as_json, False, sim, sim_folder)) as (
        session,
        tester,
    ):
        from workbench.errors import FaultyError

        found = tester.troubles()
        for one in found:
            _tell(session, one, language)
        session.values |= {"vehicle": tester.read("vehicle")}
        session.values |= {"troubles": [_as_values(one, language) for one in found]}
        if not found:
            session.say("ok", "no trouble code")
        if present := [one.code for one in found if one.is_present]:
            raise FaultyError(f"faulty now: {', '.join(present)}")


@app.command("clear")
def clear(
    key: Key,
    grant: Grant = None,
    channel: Channel = "",
    sim: Sim = False,
    sim_folder: SimFolder = None,
    as_json: AsJson = False,
) -> None:
    """Forget all trouble codes, after the repair. The vehicle must be locked and stand."""
    with _tester("clear", channel, Options(None, as_json, False, sim, sim_folder)) as (
        session,
        tester,
    ):
        tester.unlock(_signer(key, grant))
        tester.clear()
        session.say("cleared", "the vehicle tells anew what it finds")


@app.command("selftest")
def selftest(
    key: Key,
    grant: Grant = None,
    channel: Channel = "",
    sim: Sim = False,
    sim_folder: SimFolder = None,
    as_json: AsJson = False,
) -> None:
    """Test the vehicle beside its work. It must be locked and stand; nothing moves."""
    with _tester("selftest", channel, Options(None, as_json, False, sim, sim_folder)) as (
        session,
        tester,
    ):
        from trifleet.commands.bench.selftest import as_values
        from workbench.selftest import of_results

        tester.unlock(_signer(key, grant))
        found = of_results(tester.self_test(), session.sink)
        session.values |= as_values(found)
        found.check()


@app.command("flash")
def flash(
    release: Annotated[Path, RELEASE],
    key: Key,
    grant: Grant = None,
    policy: Policy = None,
    notary: Notary = None,
    channel: Channel = "",
    sim: Sim = False,
    sim_folder: SimFolder = None,
    as_json: AsJson = False,
) -> None:
    """Install a release over the bus and see it run, on trial until its self-test has passed.

    The vehicle must be locked, stand, and be charged to 30 %; it checks the signatures itself.
    """
    from trifleet.commands.bench.source import wanted
    from workbench.events import Progress
    from workbench.uds import update

    options = Options(None, as_json, False, sim, sim_folder)
    with _tester("flash", channel, options) as (session, tester):
        logged = wanted(session, release, False, policy, notary).logged
        assert logged is not None
        starts = _number(tester.read("starts"))
        bundle = logged.bundle
        update.install(
            tester,
            bundle.data,
            bundle.digest,
            _signer(key, grant),
            progress=lambda done, total: session.sink(Progress("release", done, total)),
        )
        session.say("sent", "checked by the vehicle; it starts again, on trial")
        update.wait_for(tester, lambda back: _number(back.read("starts")) > starts)
        found = str(tester.read("software_version"))
        session.values |= {"release": bundle.digest.hex(), "software_version": found}
        session.say("runs", f"{found}, read back from the vehicle after its start")


@app.command("rollback")
def rollback(
    key: Key,
    grant: Grant = None,
    channel: Channel = "",
    sim: Sim = False,
    sim_folder: SimFolder = None,
    as_json: AsJson = False,
) -> None:
    """Go back to the application before, and see it run. The vehicle must be locked and stand."""
    from workbench.uds import update

    options = Options(None, as_json, False, sim, sim_folder)
    with _tester("rollback", channel, options) as (session, tester):
        starts = _number(tester.read("starts"))
        tester.unlock(_signer(key, grant))
        update.roll_back(tester)
        update.wait_for(tester, lambda back: _number(back.read("starts")) > starts)
        found = str(tester.read("software_version"))
        session.values |= {"software_version": found}
        session.say("runs", f"{found}, the application before")


@contextmanager
def _tester(
    command: str, channel: str, options: Options
) -> "Iterator[tuple[Session, VehicleTester]]":
    from workbench.uds.tester import VehicleTester

    with (
        at_bench(command, options) as session,
        VehicleTester.connect(session.channel(channel)) as tester,
    ):
        if options.sim:
            _await(tester)
        yield session, tester


def _await(tester: "VehicleTester") -> None:
    """A virtual vehicle was started just now."""
    from workbench.uds import update

    update.wait_for(tester, lambda found: bool(found.read("vehicle")))


def _signer(key: Path, grant: Path | None) -> "Signer":
    from trifleet.permission import open_permission

    return open_permission(key, grant).sign


def _tell(session: Session, one: "Trouble", language: str) -> None:
    when = "now" if one.is_present else "stored"
    times = f", {one.occurrences} times" if one.occurrences > 1 else ""
    session.say(one.code, f"{when}{times}: {one.says(language)} -> {one.advice}")
    frame = ", ".join(f"{name} {_shown(value)}" for name, value in one.freeze.items())
    if frame:
        session.say(one.code, f"when it came: {frame}")


def _as_values(one: "Trouble", language: str) -> dict[str, object]:
    return {
        "code": one.code,
        "present": one.is_present,
        "confirmed": one.is_confirmed,
        "occurrences": one.occurrences,
        "starts_since": one.starts_since,
        "text": one.says(language),
        "next": one.advice,
        "freeze": {name: _shown(value) for name, value in one.freeze.items()},
    }


def _shown(value: object) -> object:
    return "unknown" if value is None else value


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
