"""TLS to the broker, with a certificate on both sides: TLS 1.2 at least, our own authority alone.

The files are read anew for each connection, so they can be replaced while we run. Nothing falls
back to plain text: what cannot be read is an error, and no connection.
"""

import hmac
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
        """For one connection. Raises OSError (ssl.SSLError is one) for files that do not fit."""
        context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
        context.server_name = self.server_name
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.load_verify_locations(self.ca_file)
        context.load_cert_chain(self.certificate_file, self.private_key_file)
        return context

    def client_id(self, name: str) -> str:
        """<name>-<128 bits in hexadecimal>, from the private key: nobody else can name it, so
        nobody can take the session over where a broker does not bind it to the certificate.

        Raises OSError or ValueError for a key that cannot be read.
        """
        try:
            key = load_pem_private_key(self.private_key_file.read_bytes(), None)
        except (TypeError, UnsupportedAlgorithm) as error:
            raise ValueError(f"{self.private_key_file}: {error}") from error
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        secret = hmac.digest(der, _PURPOSE + name.encode(), "sha256")[:_SECRET_BYTES]
        return f"{name}-{secret.hex()}"


class _NamedContext(ssl.SSLContext):
    """Checks the certificate against `server_name` instead of the host that was dialled, and
    returns after the handshake."""

    server_name: str | None = None

    def wrap_socket(self, sock: Any, *given: Any, **options: Any) -> ssl.SSLSocket:
        if self.server_name is not None:
            options["server_hostname"] = self.server_name
        line = super().wrap_socket(sock, *given, **options)
        try:
            patience_s = line.gettimeout()
            line.settimeout(_HANDSHAKE_S)
            line.do_handshake()
            line.settimeout(patience_s)  # an AMQP client wants it as it was
        except BaseException:
            line.close()  # the MQTT client would leave it open
            raise
        return line
