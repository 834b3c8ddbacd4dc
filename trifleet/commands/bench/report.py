"""`trifleet bench report` and `send`: what was signed, for people, and on its way to the ledger."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from trifleet.commands.bench.label import DEFAULT_NOTARY
from trifleet.commands.bench.options import AsJson, Options
from trifleet.commands.bench.session import Session, at_bench

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.report.facts import Report

Folder = Annotated[Path, typer.Option("--notary", help="The notary's folder.")]
Language = Literal["en", "fr"]


def report(
    vehicle: Annotated[
        str, typer.Argument(help="The last one of this vehicle; without it the last of all.")
    ] = "",
    number: Annotated[
        int | None, typer.Option(min=0, help="Instead: the number of the statement.")
    ] = None,
    folder: Folder = DEFAULT_NOTARY,
    language: Annotated[Language, typer.Option(help="en or fr.")] = "en",
    out: Annotated[
        Path | None, typer.Option("--out", help="A page for the customer: a new .html file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a signed work order, and what the public ledger has of it."""
    from trifleet.notary.notary import open_notary
    from trifleet.notary.reporting import newest_work_order, report_of
    from workbench.report.facts import as_json as values_of

    with at_bench("report", Options(as_json=as_json)) as session:
        with open_notary(folder) as notary:
            wanted = newest_work_order(notary, vehicle) if number is None else number
            found = report_of(notary, wanted)
        session.values |= values_of(found)
        if out is not None:
            _write(session, found, language, out)
        elif not as_json:
            _show(found, language)


def send(
    folder: Folder = DEFAULT_NOTARY,
    url: Annotated[str, typer.Option(help="Of the API, if it has another by now.")] = "",
    wait: Annotated[float, typer.Option(min=1, max=3600, help="Seconds.")] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Send the work orders that wait, and fetch and check their receipts."""
    from trifleet.notary import sending
    from trifleet.notary.notary import open_notary

    with at_bench("send", Options(as_json=as_json)) as session, open_notary(folder) as notary:
        session.say("send", f"{notary.outbox.count()} statements of {notary.name} wait")
        done = sending.send(notary, url, wait)
        session.say("receipts", f"{done.statements} sent, {done.receipts} receipts hold")
        session.values |= {"sent": done.statements, "receipts": done.receipts}


def _write(session: Session, found: "Report", language: Language, out: Path) -> None:
    from trifleet.errors import UsageError
    from workbench.report.page import render

    if out.suffix.lower() != ".html":
        raise UsageError(f"{out}: the page is a file that ends in .html")
    try:
        with out.open("xb") as file:
            file.write(render(found, language))
    except FileExistsError as error:
        raise UsageError(f"{out} is there already: choose another name") from error
    session.say("report", str(out))


def _show(found: "Report", language: Language) -> None:
    from workbench.report import facts
    from workbench.report.words import TITLES, say

    _table([say(TITLES, "title", language), ""], facts.rows(found, language))
    titles = [say(TITLES, name, language) for name in ("step", "result", "measured")]
    _table(titles, facts.tests(found, language))


def _table(titles: list[str], rows: "Sequence[Sequence[str]]") -> None:
    """Digests go on in the next line: half of one proves nothing. A name is no markup."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
