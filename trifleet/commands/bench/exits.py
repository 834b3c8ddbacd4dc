"""`trifleet bench exits`: the exit codes, for who writes a script."""

import json

from trifleet.commands.bench.options import AsJson
from trifleet.commands.common import print_table
from workbench.exits import MEANINGS


def exits(as_json: AsJson = False) -> None:
    """Print the exit codes of `trifleet bench` with their meanings. They never change."""
    if as_json:
        print(json.dumps({str(int(code)): meaning for code, meaning in MEANINGS.items()}))
        return
    print_table(("exit", "meaning"), ((int(code), text) for code, text in MEANINGS.items()))
