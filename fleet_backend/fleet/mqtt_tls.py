"""TLS to the broker, with a certificate on both sides: TLS 1.2 at least, our own authority alone.

The files are read anew for each connection, so they can be replaced while we run. Nothing falls
back to plain text: what cannot be read is an error, and no connection.
"""

import hmac
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from fleet_backend.fleet.errors import SettingsError

_PURPOSE = b"trifleet mqtt client id 1\0"
_SECRET_BYTES = 16
_HANDSHAKE_S = 10.0


@dataclass(frozen=True)
class MqttTls:
    """Three PEM files; `server_name`: what the broker's certificate must name, if not the host."""

    ca_file: Path
    certificate_file: Path
    private_key_file: Path
    server_name: str | None = None

    def context(self) -> ssl.SSLContext:
        """For any number of connections, each with the files of its time.

        Raises SettingsError where they cannot be used now.
        """
        context = _FreshContext(ssl.PROTOCOL_TLS_CLIENT)
        context.tls = self
        try:
            self.read()
        except OSError as error:
            raise SettingsError(f"{self.certificate_file} and its key: {error}") from error
        return context

    def read(self) -> ssl.SSLContext:
        """The files of now. Raises OSError (ssl.SSLError is one) where they do not fit."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.load_verify_locations(self.ca_file)
        context.load_cert_chain(self.certificate_file, self.private_key_file)
        return context

    def client_id(self, name: str) -> str:
        """<name>-<128 bits in hexadecimal>, from the private key: nobody else can name it, so
        nobody can take the session over where a broker does not bind it to the certificate.

        Raises SettingsError.
        """
        try:
            key = load_pem_private_key(self.private_key_file.read_bytes(), None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise SettingsError(f"{self.private_key_file}: {error}") from error
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        secret = hmac.digest(der, _PURPOSE + name.encode(), "sha256")[:_SECRET_BYTES]
        return f"{name}-{secret.hex()}"


def check_way(host: str, password_file: Path | None, tls: MqttTls | None) -> None:
    """Certificates, or on loopback alone a password; never both. Raises SettingsError."""
    if (password_file is None) == (tls is None):
        raise SettingsError("the broker: either a password file, or a table with certificates")
    if tls is None and not _is_loopback(host):
        raise SettingsError(f"the broker at {host}: no password leaves this machine, use TLS")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _FreshContext(ssl.SSLContext):
    """Reads its files when a connection begins, for an MQTT client keeps one context for its life,
    and returns after the handshake."""

    tls: MqttTls

    def wrap_socket(self, sock: Any, *given: Any, **options: Any) -> ssl.SSLSocket:
        if self.tls.server_name is not None:
            options["server_hostname"] = self.tls.server_name
        line = self.tls.read().wrap_socket(sock, *given, **options)
        try:
            patience_s = line.gettimeout()
            line.settimeout(_HANDSHAKE_S)
            line.do_handshake()
            line.settimeout(patience_s)  # an AMQP client wants it as it was
        except BaseException:
            line.close()  # the MQTT client would leave it open
            raise
        return line
