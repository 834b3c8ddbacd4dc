"""What a release is, and whether enough of the right people signed it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from protocol.release import DEFAULT_THRESHOLD
from trifleet.commands.common import Json, print_table
from trifleet.commands.release.keys import Keys, Threshold, trusted
from trifleet.commands.release.make import BundleFile

if TYPE_CHECKING:
    from workbench.release.bundle import Bundle


def verify(path: BundleFile, public_keys: Keys, threshold: Threshold = DEFAULT_THRESHOLD) -> None:
    """Check every byte of a release and its signatures. Ends with an error if anything is wrong."""
    from workbench.release import signing

    found = _read(path)
    verdict = signing.verify(found, trusted(public_keys), threshold)
    for name in verdict.trusted:
        print(f"signed by  {name.hex()}")
    print(f"{found.digest.hex()}  {path}: good")


def inspect(path: BundleFile, as_json: Json = False) -> None:
    """Show what a release says of itself. Its content is checked, its signatures are not."""
    from protocol import release, rsa

    found = _read(path)
    said = found.manifest
    summary = {
        "digest": found.digest.hex(),
        "board": said.board,
        "version": said.version,
        "number": said.number,
        "floor": said.floor,
        "form": release.FORMS[said.form],
        "content_bytes": said.content_bytes,
        "content_sha256": said.content.hex(),
        "signatures": [rsa.thumbprint(key).hex() for key, _ in found.head.signatures],
        "files": [[name, size, sha256.hex()] for name, size, sha256 in found.head.files],
    }
    if as_json:
        print(json.dumps(summary))
        return
    for name, value in summary.items():
        if not isinstance(value, list):
            print(f"{name:<15} {value}")
    for name in summary["signatures"]:
        print(f"{'signature by':<15} {name}, not checked here")
    print_table(("file", "bytes", "SHA-256"), summary["files"])


def _read(path: Path) -> "Bundle":
    from workbench.release import bundle

    return bundle.read(path.read_bytes())
