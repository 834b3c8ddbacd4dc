"""Release keys, and the file that tells a vehicle which of them it believes."""

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from protocol.release import DEFAULT_THRESHOLD

Keys = Annotated[
    list[Path], typer.Option("--key", help="Public half of a release key (PEM); several times.")
]
Threshold = Annotated[
    int, typer.Option("--threshold", min=1, help="So many of these keys must have signed.")
]
_MOST_TYPED = 1_024


def key(
    out: Annotated[Path, typer.Argument(help="File of the private key; new.", show_default=False)],
) -> None:
    """Make a release key: OUT, encrypted with a passphrase that is asked for, and OUT.pub.

    Keep each on a computer of its own: a release needs two of them.
    """
    from trifleet.errors import UsageError
    from trifleet.layout import write_private
    from workbench.release import keys

    public = out.with_name(out.name + ".pub")
    for path in (out, public):
        if path.exists():
            raise UsageError(f"{path} is there already: choose another name")
    passphrase = ask_passphrase(f"Passphrase for {out.name}: ")
    if sys.stdin.isatty() and ask_passphrase("Once more: ") != passphrase:
        raise UsageError("these were two different passphrases: nothing was written")
    made = keys.make_key()
    write_private(out, keys.encode_private(made, passphrase))
    public.write_bytes(keys.encode_public(made))
    print(f"{keys.name_of(made).hex()}  {public}")


def trust(
    out: Annotated[Path, typer.Argument(help="Where the file shall be.", show_default=False)],
    board: Annotated[str, typer.Option("--board", help="Which board the vehicle has: boards/.")],
    public_keys: Keys,
    threshold: Threshold = DEFAULT_THRESHOLD,
) -> None:
    """Write the file `release` for provisioning: whose releases a vehicle believes."""
    from protocol import release

    names = sorted(trusted(public_keys))
    out.write_bytes(release.encode_trust(release.Trust(threshold, names, board)))
    print(f"{out}: {threshold} of {len(names)} keys, board {board}")


def trusted(public_keys: list[Path]) -> set[bytes]:
    """Thumbprints of the keys in these files; the same key twice is one."""
    from workbench.release.keys import decode_public, name_of

    return {name_of(decode_public(path.read_bytes())) for path in public_keys}


def ask_passphrase(prompt: str) -> bytes:
    """From the terminal unseen, or a line of standard input: never from the command line."""
    if sys.stdin.isatty():
        return getpass.getpass(prompt).encode()
    return sys.stdin.readline(_MOST_TYPED).rstrip("\n").encode()
