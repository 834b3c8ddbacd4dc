"""The table [mqtt] of gateway.toml: where the broker is, and by what it knows us.

Certificates, or, on loopback alone, a password: what leaves the machine is never plain text.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from edge_gateway import tables
from edge_gateway.errors import SettingsError
from edge_gateway.mqtt_tls import MqttTls
from edge_gateway.tables import Check, Place

_FILES = ("ca_file", "certificate_file", "private_key_file")


@dataclass(frozen=True)
class MqttSettings:
    """The broker and our credential: one of `tls` and `password_file`."""

    host: str
    port: int
    username: str
    password_file: Path | None = None
    tls: MqttTls | None = None


def read(file: Path, value: object, gateway: str) -> MqttSettings:
    """Raises SettingsError."""
    place = Place(file, "mqtt")
    found = tables.table(place, value, _CHECKS, _NOTHING)
    tls = _tls(file, found)
    password = found["password_file"]
    host = str(found["host"])
    if tls is not None and (password is not None or found["username"] is not None):
        raise Place(file, "mqtt.password_file").fails("nothing: the certificate is the credential")
    if tls is None and password is None:
        raise Place(file, "mqtt.password_file").fails(f"missing, or instead {', '.join(_FILES)}")
    if tls is None and not is_loopback(host):
        raise Place(file, "mqtt.host").fails("loopback, or certificates: no password goes further")
    return MqttSettings(
        host=host,
        port=int(str(found["port"])),
        username=str(found["username"] or gateway),
        password_file=password if isinstance(password, Path) else None,
        tls=tls,
    )


def check_credential(settings: MqttSettings, gateway: str) -> None:
    """Can the files be used, and is the certificate ours? Raises SettingsError, which names it."""
    if settings.tls is None:
        _check_password(settings.password_file)
        return
    path = settings.tls.certificate_file
    try:
        settings.tls.context()
        settings.tls.client_id(gateway)
        name = _common_name(path)
    except (OSError, ValueError) as error:
        raise SettingsError(path, "mqtt.certificate_file", f"usable files: {error}") from error
    if name != gateway:
        raise SettingsError(path, "mqtt.certificate_file", f"a certificate for {gateway!r}")


def is_loopback(host: str) -> bool:
    """Does a connection to this host stay on the machine?"""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tls(file: Path, found: Mapping[str, object]) -> MqttTls | None:
    given = [found[name] for name in _FILES]
    if not any(given):
        if found["server_name"] is not None:
            raise Place(file, "mqtt.server_name").fails(f"nothing without {', '.join(_FILES)}")
        return None
    for name in _FILES:
        if found[name] is None:
            raise Place(file, f"mqtt.{name}").fails("missing beside the other two")
    ca, certificate, key = (Path(str(one)) for one in given)
    server = found["server_name"]
    return MqttTls(ca, certificate, key, None if server is None else str(server))


def _check_password(path: Path | None) -> None:
    try:
        if path is not None:
            path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(path, "mqtt.password_file", f"a readable text: {error}") from error


def _common_name(path: Path) -> str:
    subject = x509.load_pem_x509_certificate(path.read_bytes()).subject
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else ""


def _optional(check: Check) -> Check:
    def checked(place: Place, value: object) -> object:
        return None if value is None else check(place, value)

    return checked


_CHECKS: dict[str, Check] = {
    "host": tables.text,
    "port": tables.port,
    "username": _optional(tables.identifier),
    "password_file": _optional(tables.path),
    "ca_file": _optional(tables.path),
    "certificate_file": _optional(tables.path),
    "private_key_file": _optional(tables.path),
    "server_name": _optional(tables.text),
}
_NOTHING: dict[str, object] = dict.fromkeys(
    ("username", "password_file", *_FILES, "server_name"), None
)
