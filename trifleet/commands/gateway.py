"""`trifleet gateway`: one edge gateway."""

from trifleet.commands.common import Config, log_to_stderr, stop_on_signals


def gateway(config: Config) -> None:
    """Run an edge gateway: CAN on one side, signed statements over MQTT on the other."""
    from edge_gateway.main import run
    from edge_gateway.settings import load

    log_to_stderr()
    run(load(config), stop_on_signals())
