// Les mots de la seule page des exploitants.

export default {
  "fleet.page-title": "Flotte – Trifleet",
  "fleet.title": "Flotte",
  "fleet.sections": "Parties de la page flotte",
  "fleet.vehicles": "Véhicules",
  "fleet.refusals": "Refus",
  "fleet.new": "nouveaux",
  "fleet.sign-in": "Exploitants",
  "fleet.sign-in-lead":
    "Cette page montre où se trouve chaque véhicule. Elle s’ouvre avec le jeton de l’exploitant.",
  "fleet.token": "Jeton d’exploitant",
  "fleet.token-hint":
    "Votre serveur le garde dans le fichier operator.token. Il reste dans cet onglet uniquement.",
  "fleet.enter": "Ouvrir la flotte",
  "fleet.sign-out": "Oublier le jeton",
  "fleet.loading": "Chargement…",
  "fleet.none": "Aucun véhicule pour l’instant",
  "fleet.none-text": "Les véhicules apparaissent ici dès que leur passerelle s’est signalée.",
  "fleet.no-such": "Aucun véhicule de la flotte ne porte ce nom.",
  "fleet.back": "Tous les véhicules",
  "fleet.events": "Ce qu’il a enregistré",
  "fleet.events-lead":
    "Scellé par le véhicule, signé par sa passerelle, conservé dans le journal. Chaque entrée est vérifiable ici.",
  "fleet.no-events": "Rien d’enregistré pour l’instant.",
  "fleet.record": "démarrage {boot}, enregistrement {seq}",
  "fleet.total.one": "{n} véhicule",
  "fleet.total.other": "{n} véhicules",
  "fleet.total-open.one": "{n} en service",
  "fleet.total-open.other": "{n} en service",
  "fleet.total-offline.one": "{n} sans connexion",
  "fleet.total-offline.other": "{n} sans connexion",
  "refusals.lead":
    "Chaque commande refusée par un véhicule et chaque message que le serveur n’a pas cru, du plus récent au plus ancien.",
  "refusals.none": "Rien n’a été refusé.",
  "refusals.by-vehicle": "Véhicule {vehicle}",
  "refusals.by-server": "Serveur",
  "refusals.by-gateway": "Passerelle {gateway}",
  "work.title": "Ordres de travail",
  "work.lead": "Ce que des ateliers ont fait sur ce véhicule, tel qu’ils l’ont signé.",
  "work.none": "Aucun atelier n’a signé de travail sur ce véhicule.",
  "work.done": "Terminé",
  "work.not-done": "Non terminé (code {code})",
  "work.by": "par {mechanic}, atelier {notary}",
  "work.by-erased": "par l’atelier {notary} ; le nom a été effacé",
  "work.board": "carte {board}",
  "work.release": "logiciel {release}…",
  "work.tests": "Autotest, étapes réussies : {passed} sur {all} ; en échec : {failed}",
  "gaps.title": "Déclarations manquantes",
  "gaps.lead":
    "Leurs passerelles les ont faites, et elles ne sont pas arrivées. Elles sont peut-être encore en route.",
  "gaps.one": "{gateway}\u00a0: numéro {first}",
  "gaps.range": "{gateway}\u00a0: numéros {first} à {last}",
  "gaps.since": "manque depuis {time}",
  "gaps.more": "Il y en a d’autres, qui ne sont pas listées ici.",
  "quarantine.malformed-message":
    "Le message n’est pas une déclaration avec son sel et son contenu.",
  "quarantine.malformed-statement": "La déclaration est illisible.",
  "quarantine.unknown-gateway": "Le message cite une passerelle qui n’est pas enregistrée.",
  "quarantine.wrong-gateway":
    "La déclaration cite une autre passerelle que celle qui l’a apportée.",
  "quarantine.statement-signature": "La signature de la passerelle n’est pas authentique.",
  "quarantine.key-replaced":
    "La déclaration est signée avec une clé que sa passerelle a remplacée.",
  "quarantine.key-change": "Le changement de clé de la passerelle n’est pas valable.",
  "quarantine.body-inflate": "Le contenu ne peut pas être décompressé, ou il est trop volumineux.",
  "quarantine.commitment": "Le contenu n’est pas celui que la déclaration signée a engagé.",
  "quarantine.release-signature": "Le contenu manque, et ce n’est pas la passerelle qui le dit.",
  "quarantine.release-kind": "Une passerelle ne peut abandonner que le contenu d’enregistrements.",
  "quarantine.statement-kind": "Le signataire ne fait pas de déclarations de ce type.",
  "quarantine.malformed-body": "Le contenu de la déclaration est illisible.",
  "quarantine.malformed-record": "Un enregistrement qu’elle contient est illisible.",
  "quarantine.record-vehicle":
    "Un enregistrement cite un véhicule qui n’appartient pas à cette passerelle.",
  "quarantine.record-mac": "Le sceau du véhicule sur un enregistrement n’est pas authentique.",
  "quarantine.record-range":
    "Un enregistrement contient une valeur qu’aucun véhicule ne peut mesurer.",
  "quarantine.equivocation":
    "La passerelle a signé deux déclarations différentes sous un même numéro.",
  "quarantine.broken-chain":
    "La déclaration ne prolonge pas la chaîne signée auparavant par la passerelle.",
  "quarantine.malformed-courier": "Un message de transport de la passerelle est illisible.",
  "quarantine.courier-vehicle":
    "Un message de transport cite un véhicule qui n’appartient pas à cette passerelle.",
  "quarantine.unknown-command":
    "La passerelle rend compte d’une commande qui ne lui a jamais été envoyée.",
  "quarantine.command-contradiction":
    "Les nouvelles d’une commande contredisent ce que l’on en savait.",
  "quarantine.malformed-sighting": "Une observation du journal par la passerelle est illisible.",
  "quarantine.sighting-signature": "La signature de la passerelle sur une observation du journal n’est pas authentique.",
  "quarantine.unknown-topic": "Rien n’est attendu sur ce canal.",
  "quarantine.poison":
    "La réception n’a pas pu traiter ce message. Il est conservé en entier.",
  "quarantine.by-gateway": "La passerelle signale\u00a0: {text}",
  "quarantine.other": "Non cru\u00a0: {name}. Conservé tel quel.",
};
