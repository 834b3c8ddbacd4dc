"""One process of the load: reads what to play from its standard input, tells what it measured.

The secret comes by the pipe, so it is on no command line and in no environment.
"""

import json
import os
import sys
import threading
from pathlib import Path

import paho.mqtt.client as paho
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from edge_gateway.mqtt_tls import MqttTls
from hw.model.route import load_routes
from trifleet.commands.common import stop_on_signals
from trifleet.layout import Layout
from trifleet.load.figures import Figures
from trifleet.load.fleet import Names, make
from trifleet.load.journal import Journal
from trifleet.load.keys import Keyring
from trifleet.load.plan import Plan
from trifleet.load.player import Player
from trifleet.load.usage import of_process
from trifleet.ports import LOOPBACK
from trifleet.transport import gateway_party


def main() -> None:
    """Play until the end of the plan, of the input, or of this process."""
    asked = json.loads(sys.stdin.readline())
    stop = stop_on_signals()
    threading.Thread(target=_end_with_parent, args=(stop,), daemon=True).start()
    plan, part, parts = Plan(**asked["plan"]), asked["part"], asked["parts"]
    ack_key, port = bytes.fromhex(asked["ack_key"]), asked["port"]
    layout = Layout(Path(asked["data"]))

    def verify(message: bytes, signature: bytes) -> bool:
        try:
            crypto_sign_open(signature + message, ack_key)
        except BadSignatureError:
            return False
        return True

    def door(client: paho.Client, gateway: str) -> tuple[str, int]:
        client.tls_set_context(_tls(layout, gateway).context())
        return LOOPBACK, port

    def client_id(gateway: str) -> str:
        return _tls(layout, gateway).client_id(gateway)

    keyring, names = Keyring(bytes.fromhex(asked["secret"])), Names(asked["run"])
    numbers = plan.share(part, parts)
    fleet = make(plan, numbers, names, keyring, load_routes(), verify, client_id)
    with Journal(Path(asked["journal"])) as journal:
        Player(plan, fleet, door, journal, Figures()).run(stop, _report)


def _tls(layout: Layout, gateway: str) -> MqttTls:
    party = gateway_party(layout, gateway)
    return MqttTls(party.ca_file, party.certificate_file, party.private_key_file)


def _report(figures: Figures, up: int, waiting: int, begun: bool) -> None:
    told = {**figures.as_dict(), "up": up, "waiting": waiting, "begun": begun}
    told["used"] = vars(of_process())
    print(json.dumps(told), flush=True)


def _end_with_parent(stop: threading.Event) -> None:
    """The other end of the pipe is closed when the parent ends, however it ends."""
    os.read(sys.stdin.fileno(), 1)
    stop.set()


if __name__ == "__main__":
    main()
