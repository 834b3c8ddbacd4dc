"""The settings of the programs of one machine: files where the installation has them."""

from pathlib import Path

from trifleet import installation
from trifleet.cluster import proxy
from trifleet.cluster.place import APIS, LEDGERS, NODES, Place
from trifleet.cluster.programs import Programs, Where
from trifleet.layout import Layout, Settings, make_folder, write_private, write_toml
from trifleet.ports import LOOPBACK


class LocalFiles:
    """Each method writes the file of one program and returns its path."""

    def __init__(self, place: Place, ports: dict[str, int], database: str) -> None:
        self._layout = place.layout
        self._ports = ports
        where = Where(
            installation.origin(place.layout),
            LOOPBACK,
            ports["mqtt"],
            ports["amqp"],
            database,
            place.tiles.absolute().as_uri(),
            self._file,
            self._folder,
        )
        self._programs = Programs(where)

    def worker(self, name: str) -> Path:
        return self._write(name, self._programs.worker(name))

    def ledger(self, name: str) -> Path:
        return self._write(name, self._programs.ledger(name, self._ports[f"{name}-metrics"]))

    def issuer(self) -> Path:
        return self._write("issuer", self._programs.issuer())

    def api(self, name: str) -> Path:
        return self._write(name, self._programs.api(name))

    def proxy(self) -> Path:
        """Of the one in front of brokers and APIs."""
        mqtt, amqp = (
            {name: f"{LOOPBACK}:{self._ports[f'{name}-{what}']}" for name in NODES}
            for what in ("mqtt", "amqp")
        )
        http = {name: f"{LOOPBACK}:{self._ports[name]}" for name in APIS}
        text = proxy.text(
            proxy.Front(self._ports["mqtt"], mqtt),
            proxy.Front(self._ports["amqp"], amqp),
            proxy.Front(self._ports["http"], http),
        )
        file = self._layout.root / "proxy/haproxy.cfg"
        write_private(file, text.encode())
        return file

    def first_ledger(self) -> Path:
        """The settings that begin the log."""
        return self.ledger(LEDGERS[0])

    def _file(self, program: str, name: str) -> str:
        return str(source(self._layout, program, name))

    def _folder(self, program: str) -> str:
        if program == "issuer":
            return str(make_folder(self._layout.issuer_journal))
        return str(self._layout.ingest_notes)

    def _write(self, name: str, settings: Settings) -> Path:
        path = self._layout.config(name)
        write_toml(path, settings)
        return path


def source(layout: Layout, program: str, name: str) -> Path:
    """Where the installation has what a program calls by that name (see `programs.Where`)."""
    own = {
        "ack.key": layout.ack_key,
        "log.key": layout.log_key,
        "issuing.key": layout.issuing_key,
        "statement.key": layout.issuer_statement_key,
        "operator.token": layout.operator_token,
        "policy.txt": layout.policy,
    }
    return own.get(name) or layout.tls(program) / name
