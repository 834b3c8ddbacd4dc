"""Makes a witness in a folder of its own, and opens it.

Keys and memory are made together and stay together: a new memory under old keys would forget what
was cosigned, so neither is ever made for the other.
"""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fleet_backend.ledger.cosign import Cosigner
from fleet_backend.ledger.errors import ConfigError
from fleet_backend.ledger.keys import generate_cosigner_key, load_cosigner
from fleet_backend.ledger.note import Verifier
from fleet_backend.ledger.storage import sync_folder
from fleet_backend.ledger.witness import Witness
from fleet_backend.ledger.witnessdb import WitnessDatabase

from .settings import WitnessSettings

SETTINGS_FILE = "witness.toml"
_KEYS = {"ed25519.key": False, "ml-dsa-44.key": True}
_DATABASE = "witness.db"


def create_witness(folder: Path, name: str) -> list[Cosigner]:
    """New keys, an empty memory and a settings file in a new folder; all of it or nothing.

    Raises ConfigError where the folder exists or the name cannot be used.
    """
    if not name.isprintable() or '"' in name or "\\" in name:
        raise ConfigError("the name of a witness is printable, without quotes and backslashes")
    if folder.exists():
        raise ConfigError(f"{folder} exists: a witness gets a folder of its own")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise ConfigError(f"cannot make {folder}: {error.strerror}") from error
    try:
        cosigners = _fill(draft, name)
        draft.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise ConfigError(f"cannot make {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return cosigners


def _fill(folder: Path, name: str) -> list[Cosigner]:
    for file, post_quantum in _KEYS.items():
        generate_cosigner_key(folder / file, post_quantum=post_quantum)
    cosigners = [load_cosigner(name, folder / file) for file in _KEYS]
    WitnessDatabase.create(folder / _DATABASE, [cosigner.verifier for cosigner in cosigners])
    lines = [
        f'name = "{name}"',
        'ed25519_key = "ed25519.key"',
        'ml_dsa_44_key = "ml-dsa-44.key"',
        f'database = "{_DATABASE}"',
        '# host = "127.0.0.1"   # a reverse proxy with a certificate belongs in front',
        "# port = 8420",
        '# prefix = "/witness"',
    ]
    with (folder / SETTINGS_FILE).open("x", encoding="utf-8") as settings:
        settings.write("\n".join(lines) + "\n")
        settings.flush()
        os.fsync(settings.fileno())
    sync_folder(folder)
    return cosigners


def open_witness(settings: WitnessSettings) -> Witness:
    """The witness of the settings. Raises ConfigError, LogCorruptError, StorageError."""
    paths = (settings.ed25519_key, settings.ml_dsa_44_key)
    cosigners = [load_cosigner(settings.name, path) for path in paths]
    return Witness(WitnessDatabase(settings.database), cosigners)


def policy_lines(verifiers: Sequence[Verifier], label: str, url: str = "") -> list[str]:
    """Lines for a tlog-policy file: both keys, and the group that makes one witness of them."""
    names = [f"{label}-{verifier.kind:02x}" for verifier in verifiers]
    end = f" {url}" if url else ""
    keys = zip(names, verifiers, strict=True)
    lines = [f"witness {name} {verifier.vkey}{end}" for name, verifier in keys]
    return [*lines, f"group {label} all {' '.join(names)}"]
