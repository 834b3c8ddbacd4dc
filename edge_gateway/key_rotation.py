"""Changes the key of a gateway's statements, and finds the one that signs now.

Order of durable writes, and what is true if power goes right after each:
1. `<key file>.next`, a new key: nothing has changed; a repetition takes this key.
2. one commit of the outbox: the statement that brings the new key in, signed by the old one, and
   the row that says that the new one signs from now on. The key is changed: whoever opens the
   outbox takes the file that has it, and a gateway that ran meanwhile ends at its next turn.
3. the new key takes the place of the old one, of which no copy is left.
There is no moment without a key that signs, and none at which both do.
"""

import contextlib
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from edge_gateway.clock import Clock
from edge_gateway.enrol_files import alone_in, sync_folder, write_private
from edge_gateway.errors import GatewayError, SettingsError
from edge_gateway.keys import load_key
from edge_gateway.outbox import Outbox
from edge_gateway.outbox_file import named_errors, open_file
from edge_gateway.settings import GatewaySettings
from edge_gateway.signer import Signer

_MB = 1024 * 1024


def rotate(settings: GatewaySettings) -> tuple[int, bytes]:
    """(number of the statement that tells of it, new public key). The gateway may be running.

    Raises GatewayError where the last change waits for its acknowledgement, SettingsError,
    OutboxError.
    """
    folder = settings.key_file.parent
    with alone_in(folder, GatewayError(f"another process changes the key in {folder}")):
        key = current_key(settings)
        if settings.key_file.stat().st_uid != os.geteuid():
            raise GatewayError(
                f"{settings.key_file} belongs to another user, who could not read the new key:"
                " run this as the user who runs the gateway"
            )
        old = public_bytes(key)
        outbox = open_outbox(settings, key)
        try:
            if outbox.signer.change is not None:
                raise GatewayError(
                    f"the change of statement {outbox.signer.change} is not acknowledged yet: let"
                    " the gateway reach its broker, then try again"
                )
            new = _new_key(_next(settings.key_file))
            seq = outbox.change_key(old, new, Clock(settings.clock).read())
        finally:
            outbox.close()
        _put_in_place(settings.key_file)
    return seq, public_bytes(new)


def current_key(settings: GatewaySettings) -> Ed25519PrivateKey:
    """The key that the chain is signed with now; ends a change that was cut off.

    Raises SettingsError where no file has it.
    """
    path, wanted = settings.key_file, _signer(settings)
    following = _next(path)
    # The other file may be put into its place by another process at this moment: look twice.
    for _ in range(2):
        if path.exists():
            key = load_key(path)
            if wanted is None or public_bytes(key) == wanted:
                return key
        if following.exists():
            key = load_key(following)
            if public_bytes(key) == wanted:
                with contextlib.suppress(OSError):  # a service may not write there: it does without
                    _put_in_place(path)
                return key
    if wanted is None:
        return load_key(path)  # raises: it is not there
    raise SettingsError(
        path, "key_file", f"the key {wanted.hex()[:16]}..., which signs now: this is an old copy"
    )


def open_outbox(settings: GatewaySettings, key: Ed25519PrivateKey) -> Outbox:
    """Raises OutboxError, ReplacedKeyError."""
    return Outbox(
        settings.outbox_file,
        settings.gateway,
        key.sign,
        settings.limits.outbox_mb * _MB,
        public_bytes(key),
    )


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """32 bytes."""
    return key.public_key().public_bytes_raw()


def _signer(settings: GatewaySettings) -> bytes | None:
    if not settings.outbox_file.exists():
        return None
    with named_errors():
        db = open_file(settings.outbox_file, settings.limits.outbox_mb * _MB)
        try:
            return Signer(db).public_key
        finally:
            db.close()


def _next(path: Path) -> Path:
    return path.with_name(path.name + ".next")


def _new_key(path: Path) -> Ed25519PrivateKey:
    """On disk when this returns; the one of a change that was cut off before it counted."""
    if not path.exists():
        made = Ed25519PrivateKey.generate()
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(path, pem)
    return load_key(path)


def _put_in_place(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # another process was faster
        _next(path).replace(path)
    sync_folder(path.parent)
