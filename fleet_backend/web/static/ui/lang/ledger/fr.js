// Les mots propres à la page du journal.

export default {
  "ledger.page-title": "Journal – Trifleet",
  "ledger.title": "Vérifiez le journal vous-même",
  "ledger.lead":
    "Ce que rapportent les véhicules est gardé dans un journal public que personne ne peut réécrire sans que cela se voie. Votre navigateur le vérifie ici\u202f; rien de ce que ce serveur en dit n’est cru.",
  "ledger.no-ed25519": "Ce navigateur ne peut rien vérifier",
  "ledger.no-ed25519-text":
    "Il ne sait pas vérifier les signatures Ed25519, dont le journal est fait. Rien n’est vérifié ni prouvé sur cette page. Prenez un navigateur plus récent, ou le programme\u00a0: trifleet ledger verify.",
  "ledger.receipt-title": "Vérifier un reçu",
  "ledger.receipt-text":
    "Choisissez le fichier ou déposez-le ici. Il est lu dans votre navigateur et n’est envoyé à personne.",
  "ledger.no-receipt": "Pas encore de reçu. Un usager en obtient un après chaque déverrouillage et verrouillage, un exploitant pour chaque entrée ci-dessous.",
  "ledger.checking": "Vérification de {name}…",
  "ledger.file": "Fichier {name}",
  "ledger.verdict-good": "Ce reçu est valide.",
  "ledger.verdict-partial": "Rien d’anormal, mais tout n’a pas pu être vérifié.",
  "ledger.verdict-bad": "Ce reçu n’est pas valide.",
  "ledger.checks": "Ce qui a été vérifié",
  "ledger.not-fetched": "Le reçu n’a pas pu être obtenu",
  "ledger.log-title": "Le journal, vu de ce navigateur",
  "ledger.log-hint": "Vérifié sans aucun reçu, à chaque ouverture de cette page.",
  "ledger.looking": "Lecture du journal…",
  "ledger.look-again": "Regarder à nouveau",
  "ledger.looked": "Regardé le {at}.",
  "ledger.away": "Le journal n’est pas joignable pour l’instant",
  "ledger.away-text": "Les reçus peuvent quand même être vérifiés, avec ce que ce navigateur sait déjà.",
  "ledger.no-key": "La clé du journal n’est pas connue",
  "ledger.no-key-text": "Ce serveur n’en nomme aucune. Choisissez un fichier de politique qui nomme le journal.",
  "ledger.alarm-rollback": "Le journal est plus court qu’avant",
  "ledger.alarm-rollback-text":
    "Il a signé {from} entrées pour ce navigateur le {when}, et en montre {to} maintenant. Soit des entrées ont été retirées, soit on vous montre une vieille copie. Gardez les deux fichiers et montrez-les à d’autres.",
  "ledger.alarm-fork": "Le journal montre deux histoires",
  "ledger.alarm-fork-text":
    "Ce qu’il signe maintenant ({to} entrées) ne continue pas ce qu’il a signé pour ce navigateur le {when} ({from} entrées). Les deux portent la signature de sa clé\u00a0: ensemble, ils prouvent que des entrées ont été changées ou retirées. Gardez les deux fichiers et montrez-les à d’autres.",
  "ledger.alarm-key-text":
    "Il montrait {from} entrées le {when} et en montre {to} maintenant qui ne les continuent pas, signées avec une autre clé. Soit il a été réinstallé, soit l’histoire et la clé ont été échangées. Deux clés ne prouvent rien à elles seules\u00a0: demandez à l’exploitant par une autre voie.",
  "ledger.memory-none": "Ce navigateur ne peut pas retenir ce qu’il voit",
  "ledger.memory-none-text":
    "Son stockage est bloqué ou défectueux. Les reçus sont vérifiés quand même\u202f; mais un journal raccourci ou échangé avant votre prochaine visite passera inaperçu, et un fichier de politique est à choisir à chaque fois.",
  "ledger.memory-damaged": "Ce que ce navigateur avait retenu était endommagé",
  "ledger.memory-damaged-text":
    "Cela n’est pas utilisé. Ce que le journal montrait avant, un fichier de politique ou la clé connue ont pu être perdus\u00a0: comparez la clé ci-dessous à celle que l’exploitant publie ailleurs.",
  "ledger.offered": "C’est un fichier de politique, pas un reçu",
  "ledger.offered-text":
    "Il dit quelles signatures comptent. Celui qui l’a fait décide ensuite de ce qui est valable sur cette page\u00a0: ne le croyez que s’il vient de quelqu’un à qui vous faites confiance, jamais parce qu’il accompagnait un reçu.",
  "ledger.offered-believe": "Croire ses clés",
  "ledger.offered-refuse": "Le laisser",
  "ledger.evidence-old": "Garder ce qu’il a signé alors",
  "ledger.evidence-new": "Garder ce qu’il signe maintenant",
  "ledger.evidence-log": "Garder ce que le journal signe maintenant",
  "ledger.evidence-receipt": "Garder ce que contient le reçu",
  "ledger.forget-seen": "Oublier l’état d’avant",
  "ledger.forget-seen-text":
    "Seulement si vous savez pourquoi, par exemple parce que c’est une démonstration qui a été réinstallée.",
  "ledger.key-changed": "Le serveur nomme maintenant une autre clé pour le journal",
  "ledger.key-changed-text":
    "Un journal réinstallé a une nouvelle clé\u202f; un faux journal aussi. Les vérifications continuent avec la clé que ce navigateur connaît. Demandez à l’exploitant, par une autre voie que cette page, avant de croire la nouvelle.",
  "ledger.key-known": "Connue depuis le {since}",
  "ledger.key-offered": "Nommée maintenant",
  "ledger.key-not-in-policy": "Votre fichier de politique ne nomme pas la clé que nomme ce serveur",
  "ledger.trust-new": "Croire la nouvelle clé",
  "ledger.trust-title": "Les signatures qui comptent",
  "ledger.trust-first":
    "La clé que ce serveur a nommée à la première visite de ce navigateur. Comparez-la à celle que l’exploitant publie ailleurs, ou choisissez un fichier de politique.",
  "ledger.trust-policy": "Votre fichier de politique décide, depuis le {since}.",
  "ledger.trust-log": "Journal {name}",
  "ledger.trust-witness": "Témoin {name}",
  "ledger.trust-witness-open": "ML-DSA-44\u00a0: un navigateur ne peut pas la vérifier, elle ne compte donc jamais ici",
  "ledger.fingerprint": "Empreinte",
  "ledger.fingerprint-hint": "La première moitié du SHA-256 de la ligne de clé entière.",
  "ledger.key-line": "La clé entière",
  "ledger.quorum": "Exigé\u00a0: {rule}",
  "ledger.quorum-none": "Aucun témoin n’est exigé.",
  "ledger.quorum-of": "{n} parmi ({members})",
  "ledger.choose-policy": "Choisir un fichier de politique",
  "ledger.forget-policy": "Oublier le fichier de politique",
  "ledger.policy-refused": "Cette politique ne peut pas être utilisée",
  "check.readable-failed": "Ce n’est pas un reçu complet\u00a0: {detail}.",
  "check.signature-proved": "Le journal {origin} a signé son état de {size} entrées, {how}.",
  "check.by-first-use": "avec la clé que ce navigateur connaît depuis le {since}",
  "check.by-policy": "avec une clé de votre fichier de politique",
  "check.signature-failed": "La signature du journal sur le reçu n’est pas valable\u00a0: {detail}.",
  "check.signature-open": "Aucune clé du journal {origin} n’est connue ici\u202f; sa signature n’a pas été vérifiée.",
  "check.witnesses-proved":
    "{n} des {total} témoins de votre politique ont vu le même état et l’ont signé. C’est le quorum.",
  "check.witnesses-failed":
    "{n} des {total} témoins de votre politique ont signé cet état. C’est moins que le quorum.",
  "check.witnesses-open":
    "Si d’autres ont vu le même journal\u00a0: aucun témoin n’est exigé ici. Signatures de clés inconnues\u00a0: {count}.",
  "check.quorum-open":
    "{n} des {total} témoins de votre politique ont signé cet état. Le quorum serait atteint avec ceux dont un navigateur ne peut pas vérifier la signature.",
  "check.witness": "{name}, {time}",
  "check.witness-open": "{name}\u00a0: ML-DSA-44, non vérifié ici et non compté (il indique {time})",
  "check.inclusion-proved": "La déclaration est l’entrée {index} sur {size} du journal.",
  "check.inclusion-open":
    "L’arbre du reçu lui-même contient la déclaration comme entrée {index} sur {size}\u202f; cela ne vaut que si la signature du journal est authentique.",
  "check.inclusion-failed": "La déclaration n’est pas dans le journal à l’endroit que dit le reçu\u00a0: {detail}.",
  "check.belongs-proved":
    "Il appartient au journal que ce navigateur a vu le {at}\u00a0: les {from} entrées du reçu sont le début de ses {to}.",
  "check.departs-failed":
    "Il n’appartient pas au journal que ce navigateur a vu le {at}\u00a0: ses {from} entrées ne sont pas le début des {to}. Le journal a signé les deux\u00a0: il montre deux histoires.",
  "check.ahead-failed":
    "Le journal du reçu a {from} entrées, et celui que montre ce serveur seulement {to}\u00a0: il a été raccourci, ou c’est une vieille copie.",
  "check.alarm-failed": "Le journal lui-même n’est pas digne de foi en ce moment\u00a0: voir plus haut.",
  "check.elsewhere-open": "Il vient d’un journal que ce serveur ne montre pas\u202f; il n’y a pas été comparé.",
  "check.unproved-open": "Les fichiers du journal ne tiennent pas\u202f; le reçu n’y a pas été comparé.",
  "check.unproved-failed": "Les fichiers du journal ne tiennent pas\u00a0: {detail}.",
  "check.away-open": "Le journal n’est pas joignable pour l’instant\u202f; le reçu n’y a pas été comparé.",
  "check.gateway-proved":
    "La passerelle a signé la déclaration avec la clé {key}…\u202f; que ce soit celle de la passerelle, seul le reçu le dit.",
  "check.gateway-failed": "La signature de la passerelle avec la clé {key}… n’est pas valable.",
  "check.commitment-proved": "Les enregistrements affichés sont ceux que la déclaration a engagés.",
  "check.commitment-failed": "Les enregistrements affichés ne sont pas ceux que la déclaration a engagés.",
  "check.seal-open":
    "Le sceau du véhicule sur chaque enregistrement\u00a0: seule la flotte a la clé qui le vérifie.",
  "look.signature-proved": "Le journal {origin} a signé son état de {size} entrées, {how}.",
  "look.signature-failed": "Ce que montre le journal n’est pas signé comme il se doit\u00a0: {detail}.",
  "look.tree-proved": "Ses fichiers donnent exactement ce qui a été signé.",
  "look.tree-failed": "Ses fichiers ne donnent pas ce qui a été signé\u00a0: {detail}.",
  "look.first-open":
    "S’il a été changé avant\u00a0: ce navigateur le voit pour la première fois. Il retient désormais l’état de {size} entrées.",
  "look.first-here-open":
    "S’il a été changé avant\u00a0: ce navigateur ne retient aucune visite. Il garde l’état de {size} entrées en tête jusqu’à votre départ.",
  "look.continues-proved":
    "Il continue ce que ce navigateur a vu le {when}\u00a0: les {from} entrées d’alors sont toutes là, inchangées.",
  "look.continues-open": "S’il continue ce que ce navigateur a vu le {when} n’a pas pu être vérifié.",
  "look.continues-failed": "Qu’il continue ce que ce navigateur a vu le {when} ne peut pas être prouvé\u00a0: {detail}.",
  "look.rollback-failed": "Il avait {from} entrées le {when} et en a {to} maintenant.",
  "look.fork-failed": "Il ne continue pas les {from} entrées que ce navigateur a vues le {when}.",
  "limits.title": "Ce qu’aucune vérification ici ne prouve",
  "limits.seal":
    "Que les enregistrements viennent tels quels du véhicule\u00a0: seule la flotte peut vérifier le sceau d’un véhicule.",
  "limits.gateway": "Que la clé de la passerelle est bien celle de cette passerelle, sauf si vous la connaissez d’ailleurs.",
  "limits.whole": "Que tout ce qui s’est passé a été enregistré. Un journal prouve ce qu’il contient, pas ce qui y manque.",
  "limits.true": "Qu’un capteur a mesuré juste ou qu’une horloge était à l’heure.",
  "limits.key": "Que la clé du journal est celle de l’exploitant, tant que vous ne l’avez pas comparée ailleurs.",
  "limits.split":
    "Que d’autres voient le même journal. Il faut pour cela des témoins, ou le reçu de quelqu’un d’autre à comparer.",
  "limits.split-small":
    "Que d’autres voient le même journal\u00a0: votre politique exige si peu de témoins que deux histoires peuvent être signées sans qu’aucun ne mente.",
  "find.title": "Trouver une entrée",
  "find.lead":
    "Par véhicule et par jour\u00a0: réservé aux exploitants. Savoir où et quand était un véhicule, c’est savoir où allaient ses usagers, et cela ne regarde personne d’autre.",
  "find.sign-in": "Utiliser le jeton",
  "find.vehicle": "Véhicule",
  "find.day": "Jour",
  "find.any": "Laissez vide pour tous.",
  "find.search": "Chercher",
  "find.searching": "Recherche…",
  "find.results": "Entrées trouvées",
  "find.none": "Rien trouvé",
  "find.none-day": "Le journal n’a pas d’entrée de ce véhicule ou de ce jour.",
  "find.entry": "Entrée {index}",
  "find.waiting": "Pas encore dans le journal",
  "find.measurements": "Seulement des mesures.",
  "find.kind-GATEWAY": "Un message de la passerelle elle-même.",
  "find.kind-GRANT": "Une autorisation accordée.",
  "find.no-body": "Son contenu n’est pas conservé\u00a0: effacé, ou pas encore montré. L’entrée reste.",
  "find.check": "Vérifier",
  "find.number-title": "Voir une entrée par son numéro",
  "find.number-lead":
    "Pour tous\u00a0: le journal contient qui a signé quoi et quand, et un sceau sur le contenu, jamais le contenu.",
  "find.number": "Numéro",
  "find.open": "Ouvrir",
  "find.opening": "Ouverture…",
  "find.entry-proved": "Entrée {index} sur {size} du journal, prouvée jusqu’à sa signature.",
  "find.entry-says": "{gateway} dit avoir fait la déclaration {seq} à {time}\u00a0: {kind}.",
  "find.entry-open":
    "Ce qu’elle dit n’a pas été vérifié\u00a0: la clé de la passerelle et le contenu sont dans un reçu, pas dans le journal.",
  "find.entry-failed": "Cette entrée ne peut pas être montrée\u00a0: {detail}.",
  "kind.RECORDS": "enregistrements de véhicules",
  "kind.GATEWAY": "un message à elle",
  "kind.GRANT": "une autorisation",
};
