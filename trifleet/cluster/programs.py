"""The settings of each program of a cluster: what it needs and no more.

The same for processes of one machine and for containers; `Where` says what differs.
"""

from collections.abc import Callable
from dataclasses import dataclass

from trifleet import installation
from trifleet.layout import Settings

# A writer that is silent for so long is taken for dead. It may be wrong: the checkpoint's row in
# the database refuses whoever lost his turn, so a short time costs a change and no more.
LEASE_S = 2.0
_LOOK_S = 0.1
_PATIENCE_S = 1.0  # of a worker between two tries of a database that is away


@dataclass(frozen=True)
class Where:
    """What a program finds where. `file` gives the path of one of its files, by program and name:
    ack.key, log.key, issuing.key, statement.key, operator.token, policy.txt, authority.pem,
    mqtt.pem, mqtt.key. `folder` gives one that it may write to."""

    origin: str
    host: str  # of the brokers, or of the proxy in front of them
    mqtt_port: int
    amqp_port: int
    database: str
    tiles_url: str
    file: Callable[[str, str], str]
    folder: Callable[[str], str]
    tiles_options: str | None = None


class Programs:
    """Each method gives the settings of one program, to be written as TOML."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._tiles: Settings = {"tiles_url": where.tiles_url}
        self._log: Settings = {"ledger_url": where.tiles_url}
        if where.tiles_options is not None:
            self._tiles["tiles_options"] = where.tiles_options
            self._log["ledger_options"] = where.tiles_options

    def worker(self, name: str) -> Settings:
        """It signs acknowledgements, and does not write the log."""
        where = self._where
        return {
            "database": where.database,
            "ack_key": where.file(name, "ack.key"),
            "amqp": {
                "host": where.host,
                "port": where.amqp_port,
                "user": name,
                "reconnect_max_s": 1,
                "tls": self._tls(name),
            },
            "answers": {"policy": where.file(name, "policy.txt"), **self._tiles},
            "worker": {"notes": where.folder(name), "patience_max_s": _PATIENCE_S},
        }

    def ledger(self, name: str, metrics_port: int) -> Settings:
        """The only ones with the log's key; which of them writes is a matter of the lease."""
        where = self._where
        return {
            "database": where.database,
            "ledger": {
                "origin": where.origin,
                "key_file": where.file(name, "log.key"),
                "policy": where.file(name, "policy.txt"),
                **self._tiles,
                "lease": {"lease_s": LEASE_S, "look_s": _LOOK_S},
            },
            "metrics": {"port": metrics_port},
        }

    def issuer(self) -> Settings:
        """The only one with the issuing key; there is one, for its journal is its own."""
        where, name = self._where, "issuer"
        return {
            "name": installation.ISSUER,
            "database_url": where.database,
            "issuing_key": where.file(name, "issuing.key"),
            "statement_key": where.file(name, "statement.key"),
            "journal": where.folder(name),
            "ledger_policy": where.file(name, "policy.txt"),
            **self._log,
        }

    def api(self, name: str) -> Settings:
        """No key among them: the API is a courier."""
        where = self._where
        return {
            "database_url": where.database,
            "operator_token": where.file(name, "operator.token"),
            "ledger_policy": where.file(name, "policy.txt"),
            **self._log,
            "mqtt_host": where.host,
            "mqtt_port": where.mqtt_port,
            "mqtt_username": name,
            "mqtt_tls": self._tls(name),
        }

    def _tls(self, name: str) -> Settings:
        file = self._where.file
        return {
            "ca_file": file(name, "authority.pem"),
            "certificate_file": file(name, "mqtt.pem"),
            "private_key_file": file(name, "mqtt.key"),
        }
