"""The page that a mechanic reads on a phone, in French or English. No script, nothing fetched."""

from html import escape

from edge_gateway import health
from edge_gateway.health import Picture, Reason
from protocol import statement

_ENGLISH = {
    "title": "Gateway {gateway}",
    "well": "All is well.",
    "wrong": "Look at this:",
    health.BUS_DOWN: "The bus of {vehicle} does not answer: check adapter, plug and ignition.",
    health.BROKER_DOWN: "The server is not reached. Nothing is lost: it is kept here until then.",
    health.DISK_FULL: "The disk is full. The vehicles keep their records until there is room.",
    health.CLOCK_UNSET: "The clock is not set: no command reaches a vehicle.",
    health.STUCK: "The gateway does not turn: restart it.",
    health.STARTING: "The gateway is starting.",
    "bus": "Bus of {vehicle}",
    "up": "✓ connected",
    "down": "✗ not connected",
    "broker": "Server",
    "waiting": "Messages that wait for the server",
    "disk": "Room used for them",
    "thinned": "Measurements given up for room",
    "refused": "Messages that the server refused",
    "clock": "Clock",
    "uptime": "Running for",
    "UNSET": "not set",
    "HELD_OVER": "running on by itself",
    "NETWORK": "set over the network",
    "GNSS": "set by satellites",
    "error": "off by at most {seconds}\u00a0s",
    "unknown": "nobody knows how far it is off",
    "point": ".",
}
_FRENCH = {
    "title": "Passerelle {gateway}",
    "well": "Tout va bien.",
    "wrong": "À vérifier\u00a0:",
    health.BUS_DOWN: "Le bus de {vehicle} est muet\u00a0: vérifier adaptateur, fiche et contact.",
    health.BROKER_DOWN: "Le serveur est injoignable. Rien n’est perdu\u00a0: tout est gardé ici.",
    health.DISK_FULL: "Le disque est plein. Les véhicules gardent leurs enregistrements.",
    health.CLOCK_UNSET: "L’horloge n’est pas réglée\u00a0: aucune commande n’atteint un véhicule.",
    health.STUCK: "La passerelle ne tourne plus\u00a0: la redémarrer.",
    health.STARTING: "La passerelle démarre.",
    "bus": "Bus de {vehicle}",
    "up": "✓ connecté",
    "down": "✗ non connecté",
    "broker": "Serveur",
    "waiting": "Messages qui attendent le serveur",
    "disk": "Place qu’ils occupent",
    "thinned": "Mesures abandonnées faute de place",
    "refused": "Messages refusés par le serveur",
    "clock": "Horloge",
    "uptime": "En marche depuis",
    "UNSET": "non réglée",
    "HELD_OVER": "laissée à elle-même",
    "NETWORK": "réglée par le réseau",
    "GNSS": "réglée par satellites",
    "error": "fausse d’au plus {seconds}\u00a0s",
    "unknown": "erreur inconnue",
    "point": ",",
}
LANGUAGES = {"en": _ENGLISH, "fr": _FRENCH}
STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;margin:1rem auto;max-width:34rem;padding:0 1rem;"
    "color:#111;background:#fff;overflow-wrap:anywhere}h1{font-size:1.4rem}dl{margin:0}"
    "dt{font-weight:600}dd{margin:0 0 .6rem}"
    ".well,.wrong{border-left:.5rem solid;padding:.5rem 1rem;margin:0 0 1.2rem}"
    ".wrong p{margin:0}ul{margin:.4rem 0 0;padding-left:1.2rem}li{margin-bottom:.3rem}"
    ".well{border-color:#0a6b2d}.wrong{border-color:#b00020}"
    "@media(min-width:34rem){dl{display:grid;grid-template-columns:3fr 2fr;gap:.4rem 1rem}"
    "dd{margin:0}}"
)


def language(accept: str) -> str:
    """The first of our languages that the browser names; English without any."""
    for part in accept[:200].split(","):
        name = part.split(";")[0].strip().lower()[:2]
        if name in LANGUAGES:
            return name
    return "en"


def page(picture: Picture | None, now_s: float, name: str) -> str:
    """The whole page."""
    words = LANGUAGES[name]
    wrong = health.reasons(picture, now_s)
    title = words["title"].format(gateway=picture.gateway if picture else "")
    told = "".join(f"<li>{_say(words, reason)}</li>" for reason in wrong)
    summary = (
        f'<div class="wrong" role="alert"><p>✗ {words["wrong"]}</p><ul>{told}</ul></div>'
        if wrong
        else f'<p class="well" role="status">✓ {words["well"]}</p>'
    )
    rows = "".join(
        f"<dt>{escape(term)}</dt><dd>{escape(value)}</dd>" for term, value in _rows(words, picture)
    )
    return (
        f'<!doctype html><html lang="{name}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="refresh" content="10">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{summary}<dl>{rows}</dl></main></body></html>"
    )


def _say(words: dict[str, str], reason: Reason) -> str:
    return escape(words[reason.code].format(vehicle=reason.vehicle))


def _number(words: dict[str, str], value: float) -> str:
    return f"{value:g}".replace(".", words["point"])


def _rows(words: dict[str, str], picture: Picture | None) -> list[tuple[str, str]]:
    if picture is None:
        return []
    state = {True: words["up"], False: words["down"]}
    seconds = _number(words, picture.error_ms / 1000)
    error = words["unknown" if health.is_unknown(picture) else "error"].format(seconds=seconds)
    clock = words[statement.CLOCKS[picture.clock]]
    hours, minutes = divmod(picture.uptime_s // 60, 60)
    return [
        *((words["bus"].format(vehicle=v), state[up]) for v, up in picture.buses.items()),
        (words["broker"], state[picture.broker]),
        (words["waiting"], str(picture.statements)),
        (words["disk"], _number(words, picture.outbox_permille / 10) + "\u00a0%"),
        (words["thinned"], str(picture.samples_thinned)),
        (words["refused"], str(picture.refused)),
        (words["clock"], clock if picture.clock == statement.UNSET else f"{clock}, {error}"),
        (words["uptime"], f"{hours} h {minutes:02} min"),
    ]
