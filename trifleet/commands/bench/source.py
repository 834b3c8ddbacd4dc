"""What a command puts on boards: a signed and logged release, or this checkout for development."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trifleet.commands.bench.label import DEFAULT_NOTARY
from trifleet.commands.bench.session import Session

if TYPE_CHECKING:
    from fleet_backend.ledger.policy import Policy as LogPolicy
    from trifleet.commissioning.releases import Believed, Logged
    from workbench.bench import Bench
    from workbench.source import Source

Release = Annotated[
    Path | None,
    typer.Argument(help="A release, NAME.tfr, with NAME.tfr.receipt beside it."),
]
Checkout = Annotated[
    bool,
    typer.Option("--checkout", help="The unsigned application of this checkout: for development."),
]
Policy = Annotated[
    Path | None, typer.Option("--policy", help="Which logs are believed; else those of the notary.")
]
Notary = Annotated[
    Path | None, typer.Option("--notary", help="The notary's folder; else `notary`.")
]
ReplaceRelease = Annotated[
    bool,
    typer.Option(
        "--replace-release", help="Put what is older, or unsigned, in the place of a release."
    ),
]


@dataclass
class Wanted:
    """Made by `wanted`. The sources of a checkout are compiled when they are first asked for: a
    board that is refused waits for nothing."""

    session: Session
    logged: "Logged | None"
    replace: bool
    believed: "Believed | None" = None
    _source: "Source | None" = field(default=None, repr=False)

    def believe(self, keys: Sequence[str], threshold: int) -> None:
        """Whose signatures count on a board that knows no release keys yet. Raises SheetError."""
        from trifleet.commissioning.public_keys import release_thumbprint
        from trifleet.commissioning.releases import Believed

        self.believed = Believed([release_thumbprint(key) for key in keys], threshold)

    def source(self) -> "Source":
        from workbench.source import of_checkout

        if self._source is None:
            self._source = self.logged.source if self.logged else of_checkout()
        return self._source

    def check(self, bench: "Bench") -> None:
        """May it be written to this board? Raises the refusal that fits."""
        from trifleet.commissioning.releases import Believed, check_release, check_unsigned
        from workbench.devices import read_boards
        from workbench.identify import board_of

        if self.logged is None:
            check_unsigned(bench, self.replace)
            return
        board = board_of(bench.interpreter, read_boards())
        check_release(bench, self.logged, board, self.believed or Believed(), self.replace)


def wanted(
    session: Session,
    path: Path | None,
    checkout: bool,
    policy: Path | None,
    notary: Path | None,
    replace: bool = False,
) -> Wanted:
    """What is not signed must be asked for by its name. Raises UsageError, UnsignedError."""
    from trifleet.commissioning.releases import open_release
    from trifleet.errors import UsageError

    if path is None:
        if not checkout and not session.options.sim:
            raise UsageError("say what to put on the board: a release, NAME.tfr, or --checkout")
        text = "the application of this checkout, signed by nobody: for development"
        session.say("UNSIGNED", text)
        return Wanted(session, None, replace)
    if checkout:
        raise UsageError(f"{path} and --checkout: one of them")
    logged = open_release(path, _policy(policy, notary))
    said = logged.bundle.manifest
    text = f"{said.version}, number {said.number}, for {said.board}: logged, its receipt holds"
    session.say("release", text)
    return Wanted(session, logged, replace)


def _policy(path: Path | None, notary: Path | None) -> "LogPolicy":
    from trifleet.commissioning.releases import read_policy
    from trifleet.notary.notary import open_notary

    if path is not None:
        return read_policy(path)
    with open_notary(notary or DEFAULT_NOTARY) as found:
        return found.policy
