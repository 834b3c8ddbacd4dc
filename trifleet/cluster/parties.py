"""Who takes part and with which certificate: brokers, each worker, each API, and the gateways.

A program's name is its own, so that two APIs are two clients and one can be shut out alone.
"""

import logging
import threading
import time
from collections.abc import Sequence

from trifleet.brokers.cluster import RabbitCluster
from trifleet.brokers.common import BrokerError, Role, ServerTls, User, write_private
from trifleet.certificates import files
from trifleet.certificates.errors import CertificateError
from trifleet.certificates.files import Party
from trifleet.certificates.register import Use
from trifleet.layout import Layout
from trifleet.transport import gateway_party, open_authority

log = logging.getLogger("trifleet.cluster")
_ROLES = {Use.GATEWAY: Role.GATEWAY, Use.INGEST: Role.INGEST, Use.API: Role.API}
_RENEW_S = 3600.0
_LOOK_S = 1.0


class Parties:
    """Makes and renews certificates; tells the brokers who may come."""

    def __init__(
        self,
        layout: Layout,
        workers: Sequence[str],
        apis: Sequence[str],
        gateways: Sequence[str],
        hosts: Sequence[str] = (),
    ) -> None:
        """`hosts`: names of the brokers, beside those of loopback."""
        self._authority = open_authority(layout)
        self._server = files.broker_party(layout.tls(files.BROKER), hosts)
        self._clients = [Party(name, layout.tls(name), Use.INGEST) for name in workers]
        self._clients += [Party(name, layout.tls(name), Use.API) for name in apis]
        self._clients += [gateway_party(layout, name) for name in gateways]
        self._seen = (0, 0)
        self._renew_at = 0.0
        self._next_try = 0.0
        self._telling = threading.Thread()

    def ensure(self) -> int:
        """Make and renew what is due; how many. The brokers' own is renewed here alone."""
        made = sum(files.ensure(self._authority, one) for one in (self._server, *self._clients))
        self._publish_revoked()
        self._seen = self._state()
        self._renew_at = time.monotonic() + _RENEW_S
        return made

    def users(self) -> list[User]:
        """Whoever has a certificate that is good now."""
        return [
            User(name, _ROLES[use], serials=serials)
            for name, (use, serials) in self._authority.holders().items()
        ]

    def server_tls(self) -> ServerTls:
        server = self._server
        revoked = server.folder / "revoked.pem"
        return ServerTls(server.ca_file, server.certificate_file, server.private_key_file, revoked)

    def tend(self, brokers: RabbitCluster) -> None:
        """Once in a while: let the brokers know what was issued and what was taken back."""
        now = time.monotonic()
        if now < self._next_try or self._telling.is_alive():
            return
        self._next_try = now + _LOOK_S
        try:
            if now >= self._renew_at:
                self._renew_at = now + _RENEW_S
                for one in self._clients:
                    files.ensure(self._authority, one)
            if self._state() == self._seen:
                return
        except (CertificateError, OSError) as error:
            log.error("no certificate is renewed: %s", error)
            return
        # A node that does not answer is waited for, and nothing else may wait with us.
        self._telling = threading.Thread(target=self._tell, args=(brokers,), daemon=True)
        self._telling.start()

    def _tell(self, brokers: RabbitCluster) -> None:
        state = self._state()
        try:
            self._publish_revoked()
            brokers.set_users(self.users())
        except (BrokerError, CertificateError, OSError) as error:
            log.error("the brokers do not know the certificates of now: %s", error)
            return
        self._seen = state

    def _publish_revoked(self) -> None:
        text = self._authority.revoked_file.read_text()
        write_private(self._server.folder / "revoked.pem", text)

    def _state(self) -> tuple[int, int]:
        found = self._authority.register_file.stat()
        return found.st_mtime_ns, found.st_ino
