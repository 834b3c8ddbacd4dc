// The words of the ledger's page alone.

export default {
  "ledger.page-title": "Log – Trifleet",
  "ledger.title": "Check the log yourself",
  "ledger.lead":
    "What vehicles report is kept in a public log that nobody can rewrite unseen. Your browser checks it here; nothing that this server says about it is believed.",
  "ledger.no-ed25519": "This browser cannot check anything",
  "ledger.no-ed25519-text":
    "It cannot verify Ed25519 signatures, which the log is made of. Nothing is checked or proved on this page. Use a newer browser, or the program: trifleet ledger verify.",
  "ledger.receipt-title": "Check a receipt",
  "ledger.receipt-text":
    "Choose the file, or drop it here. It is read in your browser and sent to nobody.",
  "ledger.no-receipt": "No receipt yet. A rider gets one after each unlock and lock, an operator for each entry below.",
  "ledger.checking": "Checking {name}…",
  "ledger.file": "File {name}",
  "ledger.verdict-good": "This receipt holds.",
  "ledger.verdict-partial": "Nothing is wrong with it, but not everything could be checked.",
  "ledger.verdict-bad": "This receipt does not hold.",
  "ledger.checks": "What was checked",
  "ledger.not-fetched": "The receipt could not be fetched",
  "ledger.log-title": "The log, as this browser sees it",
  "ledger.log-hint": "Checked without any receipt, each time you open this page.",
  "ledger.looking": "Looking at the log…",
  "ledger.look-again": "Look again",
  "ledger.looked": "Looked on {at}.",
  "ledger.away": "The log cannot be reached now",
  "ledger.away-text": "Receipts can be checked all the same, with what this browser knows already.",
  "ledger.no-key": "The log’s key is not known",
  "ledger.no-key-text": "This server names none. Choose a policy file that names the log.",
  "ledger.alarm-rollback": "The log is shorter than it was",
  "ledger.alarm-rollback-text":
    "It signed {from} entries for this browser on {when}, and shows {to} now. Either entries were taken back, or you are shown an old copy. Keep both files and show them to others.",
  "ledger.alarm-fork": "The log shows two histories",
  "ledger.alarm-fork-text":
    "What it signs now ({to} entries) does not continue what it signed for this browser on {when} ({from} entries). Both are signed with its key: together they are evidence that entries were changed or taken out. Keep both files and show them to others.",
  "ledger.alarm-key-text":
    "It showed {from} entries on {when} and shows {to} now that do not continue them, signed with another key. Either it was set up anew, or history and key were exchanged. Two keys convict nobody by themselves: ask the operator by another way.",
  "ledger.memory-none": "This browser cannot remember what it sees",
  "ledger.memory-none-text":
    "Its storage is blocked or broken. Receipts are checked all the same; but a log that is cut short or exchanged before your next visit goes unnoticed, and a policy file has to be chosen anew each time.",
  "ledger.memory-damaged": "What this browser remembered was damaged",
  "ledger.memory-damaged-text":
    "It is not used. What the log showed earlier, a policy file or the known key may have been lost with it: compare the key below with the one that the operator publishes elsewhere.",
  "ledger.offered": "This is a policy file, not a receipt",
  "ledger.offered-text":
    "It says whose signatures count. Whoever made it decides what holds on this page from then on: believe it only if it comes from somebody whom you trust, never because it came with a receipt.",
  "ledger.offered-believe": "Believe its keys",
  "ledger.offered-refuse": "Leave it",
  "ledger.evidence-old": "Save what it signed then",
  "ledger.evidence-new": "Save what it signs now",
  "ledger.evidence-log": "Save what the log signs now",
  "ledger.evidence-receipt": "Save what the receipt holds",
  "ledger.forget-seen": "Forget the earlier state",
  "ledger.forget-seen-text":
    "Only if you know why, for example because this is a demonstration that was set up anew.",
  "ledger.key-changed": "The server now names another key for the log",
  "ledger.key-changed-text":
    "A log that was set up anew has a new key; so has a forged one. Checks go on with the key that this browser knows. Ask the operator, by another way than this page, before you believe the new one.",
  "ledger.key-known": "Known since {since}",
  "ledger.key-offered": "Named now",
  "ledger.key-not-in-policy": "Your policy file does not name the key that this server names",
  "ledger.trust-new": "Believe the new key",
  "ledger.trust-title": "Whose signatures count",
  "ledger.trust-first":
    "The key that this server named when this browser first came here. Compare it with the one that the operator publishes elsewhere, or choose a policy file.",
  "ledger.trust-policy": "Your policy file decides, since {since}.",
  "ledger.trust-log": "Log {name}",
  "ledger.trust-witness": "Witness {name}",
  "ledger.trust-witness-open": "ML-DSA-44: a browser cannot check it, so it never counts here",
  "ledger.fingerprint": "Fingerprint",
  "ledger.fingerprint-hint": "The first half of the SHA-256 of the whole key line.",
  "ledger.key-line": "The whole key",
  "ledger.quorum": "Asked for: {rule}",
  "ledger.quorum-none": "No witness is asked for.",
  "ledger.quorum-of": "{n} of ({members})",
  "ledger.choose-policy": "Choose a policy file",
  "ledger.forget-policy": "Forget the policy file",
  "ledger.policy-refused": "This is not a policy that can be used",
  "check.readable-failed": "This is not a whole receipt: {detail}.",
  "check.signature-proved": "The log {origin} signed its state of {size} entries, {how}.",
  "check.by-first-use": "with the key that this browser has known since {since}",
  "check.by-policy": "with a key of your policy file",
  "check.signature-failed": "The log’s signature on the receipt is not good: {detail}.",
  "check.signature-open": "No key of the log {origin} is known here, so its signature was not checked.",
  "check.witnesses-proved":
    "{n} of the {total} witnesses of your policy saw the same state and signed it. That is the quorum.",
  "check.witnesses-failed":
    "{n} of the {total} witnesses of your policy signed this state. That is less than the quorum.",
  "check.witnesses-open":
    "Whether others saw the same log: no witness is asked for here. Signatures of keys that are not known: {count}.",
  "check.quorum-open":
    "{n} of the {total} witnesses of your policy signed this state. It would be the quorum with those whose signatures a browser cannot check.",
  "check.witness": "{name}, {time}",
  "check.witness-open": "{name}: ML-DSA-44, not checked here and not counted (it says {time})",
  "check.inclusion-proved": "The statement is entry {index} of the {size} in the log.",
  "check.inclusion-open":
    "The receipt’s own tree has the statement as entry {index} of {size}; that counts only once the log’s signature holds.",
  "check.inclusion-failed": "The statement is not in the log where the receipt says: {detail}.",
  "check.belongs-proved":
    "It belongs to the log that this browser saw on {at}: the {from} entries of the receipt are the beginning of its {to}.",
  "check.departs-failed":
    "It does not belong to the log that this browser saw on {at}: its {from} entries are not the beginning of the {to}. The log signed both, so it shows two histories.",
  "check.ahead-failed":
    "The receipt’s log has {from} entries, and the log that this server shows only {to}: it was cut short, or an old copy is shown.",
  "check.alarm-failed": "The log itself is not to be believed now: see above.",
  "check.elsewhere-open": "It is of a log that this server does not show, so it was not compared with it.",
  "check.unproved-open": "The log’s own files do not hold, so the receipt was not compared with it.",
  "check.unproved-failed": "The log’s own files do not hold: {detail}.",
  "check.away-open": "The log cannot be reached now, so the receipt was not compared with it.",
  "check.gateway-proved":
    "The gateway signed the statement with the key {key}…; that this is the gateway’s key is the receipt’s own word.",
  "check.gateway-failed": "The gateway’s signature with the key {key}… does not verify.",
  "check.commitment-proved": "The records shown are the ones that the statement committed to.",
  "check.commitment-failed": "The records shown are not the ones that the statement committed to.",
  "check.seal-open":
    "The vehicle’s own seal on each record: only the fleet has the key that checks it.",
  "look.signature-proved": "The log {origin} signed its state of {size} entries, {how}.",
  "look.signature-failed": "What the log shows is not signed as it must be: {detail}.",
  "look.tree-proved": "Its files give exactly what was signed.",
  "look.tree-failed": "Its files do not give what was signed: {detail}.",
  "look.first-open":
    "Whether it was changed before: this browser sees it for the first time. It remembers the state of {size} entries from now on.",
  "look.first-here-open":
    "Whether it was changed before: this browser remembers no earlier visit. It keeps the state of {size} entries in mind until you leave.",
  "look.continues-proved":
    "It continues what this browser saw on {when}: the {from} entries of then are all there, unchanged.",
  "look.continues-open": "Whether it continues what this browser saw on {when} could not be checked.",
  "look.continues-failed": "That it continues what this browser saw on {when} cannot be proved: {detail}.",
  "look.rollback-failed": "It had {from} entries on {when} and has {to} now.",
  "look.fork-failed": "It does not continue the {from} entries that this browser saw on {when}.",
  "limits.title": "What no check here proves",
  "limits.seal":
    "That the records come from the vehicle as they are: only the fleet can check a vehicle’s seal.",
  "limits.gateway": "That the gateway’s key belongs to that gateway, unless you know the key from elsewhere.",
  "limits.whole": "That everything that happened was recorded. A log proves what is in it, not what was left out.",
  "limits.true": "That a sensor measured right or a clock went right.",
  "limits.key": "That the log’s key is the operator’s, as long as you did not compare it elsewhere.",
  "limits.split":
    "That others are shown the same log. That takes witnesses, or somebody else’s receipt to compare.",
  "limits.split-small":
    "That others are shown the same log: your policy asks for so few witnesses that two histories can be signed though none of them lies.",
  "find.title": "Find an entry",
  "find.lead":
    "By vehicle and day: for operators alone. When a vehicle was where tells where its riders went, and that is nobody else’s business.",
  "find.sign-in": "Use the token",
  "find.vehicle": "Vehicle",
  "find.day": "Day",
  "find.any": "Leave empty for all.",
  "find.search": "Search",
  "find.searching": "Searching…",
  "find.results": "Entries found",
  "find.none": "Nothing found",
  "find.none-day": "The log has no entry of that vehicle or day.",
  "find.entry": "Entry {index}",
  "find.waiting": "Not in the log yet",
  "find.measurements": "Measurements only.",
  "find.kind-GATEWAY": "A message of the gateway itself.",
  "find.kind-GRANT": "A permission that was given.",
  "find.no-body": "Its content is not kept: erased, or not shown yet. The entry stays.",
  "find.check": "Check",
  "find.number-title": "Look at an entry by its number",
  "find.number-lead":
    "For anybody: the log holds who signed what when, and a seal on the content, never the content.",
  "find.number": "Number",
  "find.open": "Open",
  "find.opening": "Opening…",
  "find.entry-proved": "Entry {index} of the {size} in the log, proved up to its signature.",
  "find.entry-says": "{gateway} says that it made statement {seq} at {time}: {kind}.",
  "find.entry-open":
    "What it says was not checked: the gateway’s key and the content are in a receipt, not in the log.",
  "find.entry-failed": "This entry cannot be shown: {detail}.",
  "kind.RECORDS": "records of vehicles",
  "kind.GATEWAY": "a message of its own",
  "kind.GRANT": "a permission",
};
