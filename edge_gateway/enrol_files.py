"""The files of a gateway that was just enrolled: keys, certificates and gateway.toml, mode 0600."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from protocol.enrolment import Answer

KEY = "gateway.key"
TLS_KEY = "mqtt.key"
CERTIFICATE = "mqtt.pem"
AUTHORITY = "authority.pem"
SETTINGS = "gateway.toml"
NOTARY_SETTINGS = "notary.toml"


def write_answer(
    draft: Path, answer: Answer, buses: Sequence[tuple[str, str]], settings: str = SETTINGS
) -> None:
    """What the backend said, as the gateway's programs read it. The answer is checked already."""
    write_private(draft / CERTIFICATE, b"".join(_pem(one) for one in answer.chain))
    write_private(draft / AUTHORITY, _pem(answer.authority))
    write_private(draft / settings, settings_text(answer, buses).encode())


def settings_text(answer: Answer, buses: Sequence[tuple[str, str]]) -> str:
    """gateway.toml, whose files lie beside it."""
    host, port, server_name = answer.broker
    lines = [
        f"gateway = {_text(answer.gateway)}",
        f"key_file = {_text(KEY)}",
        f"ack_public_key = {_text(answer.ack_public_key.hex())}",
        'outbox_file = "outbox.db"',
        'checkpoints_file = "checkpoints.db"',
    ]
    for vkey in answer.logs:
        lines += ["", "[[log]]", f"vkey = {_text(vkey)}"]
    for vehicle, (interface, channel) in zip(answer.vehicles, buses, strict=False):
        lines += ["", "[[bus]]", f"vehicle = {_text(vehicle)}"]
        lines += [f"interface = {_text(interface)}", f"channel = {_text(channel)}"]
    lines += ["", "[mqtt]", f"host = {_text(host)}", f"port = {port}"]
    lines += [f"ca_file = {_text(AUTHORITY)}", f"certificate_file = {_text(CERTIFICATE)}"]
    lines += [f"private_key_file = {_text(TLS_KEY)}", f"server_name = {_text(server_name)}"]
    return "\n".join(lines) + "\n"


def write_private(path: Path, content: bytes) -> None:
    """Whole or not at all, durable when this returns."""
    draft = path.with_name(path.name + ".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """What was renamed in it stays renamed."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def _text(value: str) -> str:
    """A basic string of TOML; a string of JSON in ASCII is one."""
    return json.dumps(value)


@contextlib.contextmanager
def alone_in(folder: Path, error: Exception) -> Iterator[None]:
    """Raises `error` where another process is in the folder in this way."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise error from taken
        yield
    finally:
        os.close(handle)
