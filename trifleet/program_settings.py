"""The settings files of the programs of one stack: each is given what it needs and no more."""

import dataclasses
from pathlib import Path

from fleet_backend.fleet import keys
from trifleet import ingest_line, installation
from trifleet.certificates.files import Party
from trifleet.ingest_line import BY_MQTT, IngestLine
from trifleet.layout import Layout, Settings, make_folder, write_toml
from trifleet.ports import LOOPBACK, free_port
from trifleet.privacy.keeping import retention
from trifleet.slots import Slot

# A simulated fleet is asked for more often than one on mobile lines.
_UPDATES_CHECK_S = 10


@dataclasses.dataclass(frozen=True)
class BoardWish:
    """What simulated vehicles are asked for."""

    reaction_s: float  # of the simulated riders
    can_log: bool  # keep a candump file of each bus


class ProgramSettings:
    """Each method writes the file of one program and returns its path."""

    def __init__(self, layout: Layout, mqtt_port: int, line: IngestLine = BY_MQTT) -> None:
        self._layout = layout
        self._mqtt_port = mqtt_port
        self._line = line
        # Of each worker of the ingest, by its name.
        self.metrics_ports = {name: free_port() for name in line.names}
        self._database = layout.database_url
        self._public_ledger: Settings = {
            "ledger_public": str(layout.ledger / "public"),
            "ledger_policy": str(layout.policy),
        }

    def ingest(self, name: str = ingest_line.FIRST) -> Path:
        """A worker, which signs acknowledgements; the first one writes the log, too."""
        layout = self._layout
        of_log: Settings = (
            {"ledger": self._log_to_write()}
            if name == ingest_line.FIRST
            else {
                "answers": {"public": str(layout.ledger / "public"), "policy": str(layout.policy)}
            }
        )
        return _write(
            layout.config(name),
            {
                "database": self._database,
                "ack_key": str(layout.ack_key),
                **self._way_of(name),
                "worker": {"notes": str(layout.ingest_notes)},
                **of_log,
                **({"releases": str(layout.releases)} if layout.has_releases else {}),
                "retention": dataclasses.asdict(retention(layout)),
                "metrics": {"port": self.metrics_ports[name]},
            },
        )

    def _way_of(self, name: str) -> Settings:
        """How this worker reaches the broker."""
        line = self._line
        way: Settings = {
            "host": LOOPBACK,
            "port": line.amqp_port or self._mqtt_port,
            "user": name,
            "tls": _tls(Party(name, self._layout.tls(name))),
            **({"group": line.group} if line.group else {}),
        }
        return {"amqp" if line.amqp_port else "mqtt": way}

    def _log_to_write(self) -> Settings:
        layout = self._layout
        former = layout.former_log_key
        return {
            "directory": str(layout.ledger),
            "origin": installation.origin(layout),
            "key_file": str(layout.log_key),
            **({"old_key_file": str(former)} if former.exists() else {}),
            "policy": str(layout.policy),
        }

    def issuer(self) -> Path:
        """The only one that is given the issuing key."""
        layout = self._layout
        return _write(
            layout.config("issuer"),
            {
                "name": installation.ISSUER,
                "database_url": self._database,
                "issuing_key": str(layout.issuing_key),
                "statement_key": str(layout.issuer_statement_key),
                "journal": str(make_folder(layout.issuer_journal)),
                **self._public_ledger,
            },
        )

    def registrar(self) -> Path:
        """The only one that is given the certificate authority."""
        layout = self._layout
        return _write(
            layout.config("registrar"),
            {
                "database_url": self._database,
                "invitations": str(layout.invitations),
                "authority": str(layout.authority),
                "ack_public_key": keys.public_bytes(keys.load_ed25519(layout.ack_key)).hex(),
                "ledger_policy": str(layout.policy),
                "broker": {"host": LOOPBACK, "port": self._mqtt_port, "server_name": LOOPBACK},
            },
        )

    def api(self) -> Path:
        """No key among them: the API is a courier."""
        layout = self._layout
        return _write(
            layout.config("api"),
            {
                "database_url": self._database,
                "operator_token": str(layout.operator_token),
                **self._public_ledger,
                "mqtt_host": LOOPBACK,
                "mqtt_port": self._mqtt_port,
                "mqtt_tls": _tls(Party("api", layout.tls("api"))),
            },
        )

    def board(self, slot: Slot, can_port: int, wish: BoardWish) -> Path:
        """A simulated vehicle."""
        folder = self._layout.vehicle(slot.vehicle)
        return _write(
            self._layout.board(slot.vehicle),
            {
                "image": str(folder / "flash.img"),
                "can_port": can_port,
                "configuration": slot.configuration,
                "route": slot.number - 1,
                "state_file": str(folder / "state.json"),
                "tty_link": str(folder / "tty"),
                "keypad": str(self._layout.keypad(slot.vehicle)),
                "reaction_s": wish.reaction_s,
                "seed": slot.number,
                **({"can_log": str(folder / "can.log")} if wish.can_log else {}),
            },
        )

    def gateway(self, slot: Slot, can_port: int) -> Path:
        """The gateway beside a vehicle; its key and outbox lie beside this file."""
        ack = keys.public_bytes(keys.load_ed25519(self._layout.ack_key)).hex()
        return _write(
            self._layout.gateway(slot.gateway) / "gateway.toml",
            {
                "gateway": slot.gateway,
                "key_file": "gateway.key",
                "ack_public_key": ack,
                "outbox_file": "outbox.db",
                "bus": [
                    {
                        "vehicle": slot.vehicle,
                        "interface": "slcan",
                        "channel": f"socket://{LOOPBACK}:{can_port}",
                        "acceptance_filter": True,
                    }
                ],
                "log": [{"vkey": vkey} for vkey in installation.log_vkeys(self._layout)],
                **self._updates(),
                "mqtt": {
                    "host": LOOPBACK,
                    "port": self._mqtt_port,
                    **_tls(Party(slot.gateway, self._layout.gateway(slot.gateway))),
                },
            },
        )

    def _updates(self) -> Settings:
        """Where there is a repository, gateways get its first root with their settings."""
        if not self._layout.has_releases:
            return {}
        root = self._layout.releases / "metadata/1.root.json"
        return {"updates": {"root_file": str(root), "check_s": _UPDATES_CHECK_S}}


def _tls(party: Party) -> Settings:
    return {
        "ca_file": str(party.ca_file),
        "certificate_file": str(party.certificate_file),
        "private_key_file": str(party.private_key_file),
    }


def _write(path: Path, settings: Settings) -> Path:
    write_toml(path, settings)
    return path
