"""`trifleet doctor`: what is wrong with an installation, and what to do."""

import json

import typer

from trifleet.commands.common import DEFAULT_DATA, Data, Json


def doctor(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Look at an installation and say what to do, one line a finding; changes nothing.

    Works while the stack runs and while it does not. Exit status 0: nothing fails (there may be
    warnings); 1: something does; 2: there was nothing to look at.
    """
    from trifleet.doctor.examine import examine
    from trifleet.doctor.finding import exit_status

    found = examine(data.resolve())
    for one in found:
        print(json.dumps(one.as_json()) if as_json else one.line())
    raise typer.Exit(exit_status(found))
