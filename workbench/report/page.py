"""A report as one HTML page, for a browser or its printer: no script, nothing from elsewhere."""

from html import escape

from workbench.report.facts import Report, outcome, rows, tests
from workbench.report.words import SENTENCES, TITLES, say

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
body{font:16px/1.45 system-ui,sans-serif;color:#111;background:#fff;max-width:46rem;
margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin:0 0 .25rem}
details{margin-top:2rem}
summary{font-size:1.15rem;font-weight:600;cursor:pointer}
h2{font-size:1.15rem;margin:2rem 0 .5rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.35rem .75rem .35rem 0;
border-bottom:1px solid #767676;overflow-wrap:anywhere}
th{font-weight:600}
tbody th{width:34%}
.outcome{font-size:1.15rem;font-weight:600;border-left:.4rem solid;padding-left:.6rem}
.good{border-color:#137333}
.bad{border-color:#b3261e}
.small{font-size:.85rem}
@page{margin:15mm}
@media print{body{margin:0;max-width:none}}
"""


def render(report: Report, language: str) -> bytes:
    """UTF-8. Every value is text and nothing else."""
    title = f"{say(TITLES, 'title', language)} {report.order.vehicle}"
    kind = "bad" if report.order.outcome else "good"
    parts = [
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>",
        f"<h1>{escape(title)}</h1>",
        f'<p class="outcome {kind}">{escape(outcome(report.order, language))}</p>',
        _facts(report, language),
        f"<h2>{escape(say(TITLES, 'tests', language))}</h2>",
        _tests(report, language),
        _files(report, language),
        f'<p class="small">{escape(say(SENTENCES, "privacy", language))}</p>',
        "</main>\n</body>\n</html>",
    ]
    return "\n".join(parts).encode() + b"\n"


def _facts(report: Report, language: str) -> str:
    lines = (
        f'<tr><th scope="row">{escape(title)}</th><td>{escape(value)}</td></tr>'
        for title, value in rows(report, language)
    )
    return "<table><tbody>" + "\n".join(lines) + "</tbody></table>"


def _tests(report: Report, language: str) -> str:
    found = tests(report, language)
    if not found:
        return f"<p>{escape(say(SENTENCES, 'no-tests', language))}</p>"
    titles = (say(TITLES, name, language) for name in ("step", "result", "measured"))
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in titles)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{escape(value)}</td>" for value in row) + "</tr>" for row in found
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _files(report: Report, language: str) -> str:
    """A hundred lines that few want to read: they open on request."""
    title = f"{say(TITLES, 'files', language)} ({len(report.order.files)})"
    lines = (
        f'<tr><th scope="row">{escape(path)}</th><td>{digest.hex()}</td></tr>'
        for path, digest in report.order.files
    )
    table = '<table class="small"><tbody>' + "\n".join(lines) + "</tbody></table>"
    return f"<details><summary>{escape(title)}</summary>{table}</details>"
