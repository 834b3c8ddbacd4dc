"""Broker and certificates of one data folder: who may connect, with what, and what changes while
the stack runs (a revocation, a new certificate, one that is about to end).
"""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from trifleet.brokers.child import BrokerChild
from trifleet.brokers.common import BrokerError, Role, ServerTls, User
from trifleet.brokers.embedded import BrokerSettings, EmbeddedBroker
from trifleet.brokers.kinds import BrokerKind
from trifleet.brokers.mosquitto import Mosquitto, MosquittoSettings
from trifleet.brokers.rabbitmq import RabbitMq, RabbitMqSettings
from trifleet.certificates import files, roots
from trifleet.certificates.authority import Authority, create
from trifleet.certificates.errors import CertificateError
from trifleet.certificates.files import Party
from trifleet.certificates.register import Use
from trifleet.ingest_line import is_worker, worker_names
from trifleet.installation import origin
from trifleet.layout import Layout, write_private
from trifleet.ports import free_port

log = logging.getLogger("trifleet.transport")

API = "api"
_ROLES = {Use.GATEWAY: Role.GATEWAY, Use.INGEST: Role.INGEST, Use.API: Role.API}
_RENEW_S = 3600.0
_AGAIN_S = 2.0


AnyBroker = EmbeddedBroker | Mosquitto | RabbitMq


class Transport:
    """Makes the certificates and the broker of a folder, and keeps both up to date."""

    def __init__(
        self,
        layout: Layout,
        gateways: Sequence[str],
        hosts: Sequence[str] = (),
        workers: int = 1,
    ) -> None:
        """`hosts`: what the broker is called beside loopback; `workers`: of the ingest."""
        self._layout = layout
        self.authority = open_authority(layout)
        self._server = files.broker_party(layout.tls(files.BROKER), hosts)
        self._clients = [program_party(layout, name) for name in (*worker_names(workers), API)]
        self._clients += [gateway_party(layout, name) for name in gateways]
        self._seen = self._register_state()
        self._roots = self.authority.roots
        self._shown = self._server_files()
        self._renewed = time.monotonic()
        self._next_try = 0.0

    def ensure_certificates(self) -> list[str]:
        """Make and renew what is due; the names. Passwords of before certificates go."""
        done = [one.name for one in (self._server, *self._clients) if self._ensure(one)]
        for old in (*self._layout.broker.glob("*.password"), *self._old_gateway_passwords()):
            old.unlink()
        self._publish_revoked()
        self._seen = self._register_state()
        self._shown = self._server_files()
        return done

    def make_broker(self, kind: BrokerKind) -> AnyBroker:
        """Not started yet. Raises BrokerError where its software is not installed."""
        folder, tls, users = self._layout.broker, self._tls(), self.users()
        if kind is BrokerKind.MOSQUITTO:
            return Mosquitto(MosquittoSettings(folder, tls), users)
        if kind is BrokerKind.RABBITMQ:
            return RabbitMq(RabbitMqSettings(folder, tls), users)
        return EmbeddedBroker(BrokerSettings(folder, free_port(), tls), users)

    def users(self) -> list[User]:
        """Who may connect now, with which certificates: whoever has one that is good."""
        return [
            User(name, _ROLES[use], serials=serials)
            for name, (use, serials) in self.authority.holders().items()
        ]

    def tend(self, broker: AnyBroker) -> None:
        """Once in a while: let the broker know what the authority issued and took back, and which
        roots are trusted."""
        if time.monotonic() - self._renewed > _RENEW_S:
            self._renewed = time.monotonic()
            self._renew()
        state = self._register_state()
        if state == self._seen:
            self._show(broker.child)
            return
        if time.monotonic() < self._next_try:
            return
        try:
            if self.authority.roots != self._roots:
                self._roots = self.authority.roots
                self._renew()
                state = self._register_state()
            self._publish_revoked()
            broker.set_users(self.users())
        except (BrokerError, CertificateError) as error:
            # It may be starting; or somebody damaged the register, which changes nothing then.
            self._next_try = time.monotonic() + _AGAIN_S
            log.error("the broker does not know the certificates of now: %s", error)
            return
        self._seen = state
        log.warning("the broker knows the certificates of now")
        self._show(broker.child)

    def _renew(self) -> None:
        try:
            for one in (*self._clients, self._server):
                self._ensure(one)
        except CertificateError as error:
            log.error("no certificate is renewed: %s", error)

    def _show(self, child: BrokerChild) -> None:
        """A broker shows another certificate, and trusts another root, from its next start on."""
        if (now := self._server_files()) != self._shown:
            self._shown = now
            child.restart_elsewhere()

    def _server_files(self) -> list[bytes]:
        paths = self._server.ca_file, self._server.certificate_file
        return [path.read_bytes() for path in paths if path.exists()]

    def _ensure(self, party: Party) -> bool:
        return files.ensure(self.authority, party)

    def _tls(self) -> ServerTls:
        server = self._server
        return ServerTls(
            server.ca_file, server.certificate_file, server.private_key_file, self._revoked_file
        )

    @property
    def _revoked_file(self) -> Path:
        """A copy: the authority's own folder is given to no program."""
        return self._server.folder / "revoked.pem"

    def _publish_revoked(self) -> None:
        write_private(self._revoked_file, self.authority.revoked_file.read_bytes())

    def _register_state(self) -> tuple[int, ...]:
        """Of the register, and of the file that says which roots are trusted."""
        paths = self.authority.register_file, roots.file(self.authority.folder)
        found = [path.stat() for path in paths if path.exists()]
        return tuple(number for one in found for number in (one.st_mtime_ns, one.st_ino))

    def _old_gateway_passwords(self) -> list[Path]:
        return list(self._layout.root.glob("gateways/*/mqtt.password"))


def open_authority(layout: Layout) -> Authority:
    """The folder's own authority, which is made where there is none. Raises CertificateError."""
    return create(layout.authority, f"{origin(layout).removesuffix('/ledger')} authority")


def program_party(layout: Layout, name: str) -> Party:
    """The files of a worker of the ingest, or of the API."""
    return Party(name, layout.tls(name), Use.INGEST if is_worker(name) else Use.API)


def party_of(layout: Layout, name: str) -> Party:
    """Whom a name means in this folder."""
    if name == files.BROKER:
        return files.broker_party(layout.tls(name))
    if is_worker(name) or name == API:
        return program_party(layout, name)
    return gateway_party(layout, name)


def gateway_party(layout: Layout, gateway: str) -> Party:
    """The files of a gateway lie beside its settings."""
    return Party(gateway, layout.gateway(gateway))
