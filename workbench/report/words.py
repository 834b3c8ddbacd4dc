"""The words of a report, in English and French. A test holds that both know the same keys."""

LANGUAGES = ("en", "fr")

TITLES: dict[str, tuple[str, str]] = {
    "title": ("Work order", "Ordre de travail"),
    "vehicle": ("Vehicle", "Véhicule"),
    "outcome": ("Outcome", "Résultat"),
    "mechanic": ("Done by", "Fait par"),
    "notary": ("Signed by the workshop", "Signé par l’atelier"),
    "began": ("Begun", "Début"),
    "ended": ("Ended", "Fin"),
    "board": ("Controller board", "Carte de commande"),
    "unique_id": ("Number of its chip", "Numéro de sa puce"),
    "interpreter": ("Interpreter", "Interpréteur"),
    "release": ("Release of the software", "Version du logiciel"),
    "configuration": ("Configuration, SHA-256", "Configuration, SHA-256"),
    "identity": ("Fingerprint of its key", "Empreinte de sa clé"),
    "tests": ("Self-test", "Autotest"),
    "files": ("Files written, SHA-256", "Fichiers écrits, SHA-256"),
    "ledger": ("Public ledger", "Registre public"),
    "step": ("Step", "Étape"),
    "result": ("Result", "Résultat"),
    "measured": ("Measured", "Mesuré"),
}
SENTENCES: dict[str, tuple[str, str]] = {
    "done": ("done", "terminé"),
    "not-done": ("NOT finished (exit code {n})", "NON terminé (code de sortie {n})"),
    "none": ("–", "–"),
    "no-clock": ("not known: the clock was not set", "inconnu : l’horloge n’était pas réglée"),
    "no-tests": ("no self-test was run", "aucun autotest n’a été fait"),
    "logged": (
        "Entry {index} of the log {origin}, checked with the log's key. Whoever holds the receipt"
        " can check it without asking us: trifleet ledger verify.",
        "Entrée {index} du registre {origin}, vérifiée avec la clé du registre. Qui a le reçu peut"
        " le vérifier sans rien nous demander : trifleet ledger verify.",
    ),
    "waiting": (
        "Signed, and not in the public ledger yet: it waits for the network.",
        "Signé, mais pas encore dans le registre public : il attend le réseau.",
    ),
    "accepted": (
        "Taken by the fleet's server; its receipt was not fetched yet.",
        "Reçu par le serveur de la flotte ; le reçu n’est pas encore arrivé.",
    ),
    "refused": (
        "REFUSED by the fleet's server: this is no proof of anything.",
        "REFUSÉ par le serveur de la flotte : ceci ne prouve rien.",
    ),
    "privacy": (
        "The mechanic's name is in this report and in the signed document, not in the public"
        " ledger, which holds a hash alone.",
        "Le nom du mécanicien figure dans ce rapport et dans le document signé, mais pas dans le"
        " registre public, qui n’en garde qu’un hachage.",
    ),
}
RESULTS: dict[str, tuple[str, str]] = {
    "PASS": ("passed", "réussi"),
    "FAIL": ("FAILED", "ÉCHEC"),
    "NOT_HERE": ("not possible here", "impossible ici"),
}
STEPS: dict[str, tuple[str, str]] = {
    "flash": ("Flash memory", "Mémoire flash"),
    "clock": ("Clock", "Horloge"),
    "random": ("Source of random numbers", "Source de nombres aléatoires"),
    "supply": ("12 V supply", "Alimentation 12 V"),
    "can_loopback": ("CAN controller", "Contrôleur CAN"),
    "bus": ("CAN bus", "Bus CAN"),
    "speed": ("Motor controller", "Contrôleur du moteur"),
    "pack": ("Battery", "Batterie"),
    "dash": ("Steering and dash", "Direction et tableau de bord"),
    "bolt": ("Lock", "Verrou"),
    "panel": ("Display", "Afficheur"),
    "identity": ("Identity", "Identité"),
    "cycle": ("Work cycle", "Cycle de travail"),
    "memory": ("Memory", "Mémoire"),
}


def say(table: dict[str, tuple[str, str]], key: str, language: str, **values: object) -> str:
    """In one of LANGUAGES; a key that is not in the table stands for itself."""
    pair = table.get(key)
    # What is no sentence of ours may hold braces.
    return key if pair is None else pair[LANGUAGES.index(language)].format(**values)
