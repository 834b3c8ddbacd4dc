"""The table [mqtt] of gateway.toml: where the broker is, and by what it knows us.

Certificates, or, on loopback alone, a password: what leaves the machine is never plain text.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from edge_gateway import tables
from edge_gateway.brokers import Address
from edge_gateway.errors import SettingsError
from edge_gateway.mqtt_tls import MqttTls
from edge_gateway.tables import Check, Place

MOST_BROKERS = 16
_PORT = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
# For JSON Schema as well: no names for groups.
_NAME = "[A-Za-z0-9_][A-Za-z0-9._-]{0,252}"
_ADDRESS = rf"^(?:({_NAME})|\[([0-9a-fA-F:.]+)\])(?::({_PORT}))?$"
_FILES = ("ca_file", "certificate_file", "private_key_file")


@dataclass(frozen=True)
class MqttSettings:
    """The brokers and our credential: one of `tls` and `password_file`."""

    host: str
    port: int
    username: str
    password_file: Path | None = None
    tls: MqttTls | None = None
    # After the one above, in this order.
    others: tuple[Address, ...] = ()

    @property
    def brokers(self) -> tuple[Address, ...]:
        """At least one."""
        return Address(self.host, self.port), *self.others


def read(file: Path, value: object, gateway: str) -> MqttSettings:
    """Raises SettingsError."""
    place = Place(file, "mqtt")
    found = tables.table(place, value, CHECKS, NOTHING)
    tls = _tls(file, found)
    password = found["password_file"]
    first, *others = brokers = _brokers(file, found)
    if tls is not None and (password is not None or found["username"] is not None):
        raise Place(file, "mqtt.password_file").fails("nothing: the certificate is the credential")
    if tls is None and password is None:
        raise Place(file, "mqtt.password_file").fails(f"missing, or instead {', '.join(_FILES)}")
    if tls is None and not all(is_loopback(one.host) for one in brokers):
        key = "mqtt.hosts" if found["hosts"] else "mqtt.host"
        raise Place(file, key).fails("loopback, or certificates: no password goes further")
    return MqttSettings(
        host=first.host,
        port=first.port,
        username=str(found["username"] or gateway),
        password_file=password if isinstance(password, Path) else None,
        tls=tls,
        others=tuple(others),
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


def _brokers(file: Path, found: Mapping[str, object]) -> list[Address]:
    """Of `hosts`, or the one of `host`."""
    port, host, hosts = int(str(found["port"])), found["host"], found["hosts"]
    if (host is None) == (hosts is None):
        raise Place(file, "mqtt.host").fails("missing, or instead hosts; not both")
    if not isinstance(hosts, list):
        return [Address(str(host), port)]
    given = [Address(one.host, one.port or port) for one in hosts]
    if len(set(given)) < len(given):
        raise Place(file, "mqtt.hosts").fails("each broker once")
    return given


@tables.shaped(type="string", pattern=_ADDRESS)
def _address(place: Place, value: object) -> Address:
    """Port 0: the port of the table."""
    match = re.fullmatch(_ADDRESS, value) if isinstance(value, str) else None
    if match is None:
        raise place.fails("host, or host:port; an IPv6 address in brackets")
    name, six, port = match.groups()
    return Address(name or six, int(port or 0))


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

    return tables.shaped(**tables.shape(check))(checked)


CHECKS: dict[str, Check] = {
    "host": _optional(tables.text),
    "hosts": _optional(tables.list_of(_address, 1, MOST_BROKERS)),
    "port": tables.port,
    "username": _optional(tables.identifier),
    "password_file": _optional(tables.path),
    "ca_file": _optional(tables.path),
    "certificate_file": _optional(tables.path),
    "private_key_file": _optional(tables.path),
    "server_name": _optional(tables.text),
}
NOTHING: dict[str, object] = dict.fromkeys(
    ("host", "hosts", "username", "password_file", *_FILES, "server_name"), None
)
