"""Why a message is refused: stable names, and the sentence that the operator reads."""

MESSAGE = "malformed-message"
STATEMENT = "malformed-statement"
UNKNOWN_GATEWAY = "unknown-gateway"
WRONG_GATEWAY = "wrong-gateway"
SIGNATURE = "statement-signature"
KEY_REPLACED = "key-replaced"
KEY_CHANGE = "key-change"
INFLATE = "body-inflate"
COMMITMENT = "commitment"
KIND = "statement-kind"
RELEASE = "release-signature"
RELEASE_KIND = "release-kind"
BODY = "malformed-body"
RECORD = "malformed-record"
RECORD_VEHICLE = "record-vehicle"
RECORD_MAC = "record-mac"
RECORD_RANGE = "record-range"
EQUIVOCATION = "equivocation"
BROKEN_CHAIN = "broken-chain"
COURIER = "malformed-courier"
COURIER_VEHICLE = "courier-vehicle"
UNKNOWN_COMMAND = "unknown-command"
CONTRADICTION = "command-contradiction"
TOPIC = "unknown-topic"
SIGHTING = "malformed-sighting"
SIGHTING_SIGNATURE = "sighting-signature"
POISON = "poison"

TEXTS = {
    MESSAGE: "The message is not a statement with its salt and body.",
    STATEMENT: "The statement cannot be read.",
    UNKNOWN_GATEWAY: "No gateway of this name is registered.",
    WRONG_GATEWAY: "The statement names another gateway than the one whose topic it came by.",
    SIGNATURE: "The statement's signature does not verify with the gateway's key.",
    KEY_REPLACED: "The statement is signed with a key that its gateway has replaced.",
    KEY_CHANGE: "The gateway's change of key does not hold.",
    INFLATE: "The body does not inflate, or to more than 65,535 bytes.",
    COMMITMENT: "The body is not the one that the statement commits to.",
    KIND: "Who signed the statement does not make statements of this kind.",
    RELEASE: "The content is missing, and not by the gateway's own word.",
    RELEASE_KIND: "A gateway may give up the content of records alone.",
    BODY: "The body of the statement cannot be read.",
    RECORD: "A record in the body cannot be read.",
    RECORD_VEHICLE: "A record names a vehicle that does not belong to this gateway.",
    RECORD_MAC: "A record was not sealed with its vehicle's key.",
    RECORD_RANGE: "A record holds a number that no vehicle can measure.",
    EQUIVOCATION: "The gateway signed two different statements under one number.",
    BROKEN_CHAIN: "The statement does not continue the chain that the gateway signed before.",
    COURIER: "A courier message of the gateway cannot be read.",
    COURIER_VEHICLE: "A courier message names a vehicle that does not belong to this gateway.",
    UNKNOWN_COMMAND: "The gateway reports on a command that was never sent to it.",
    CONTRADICTION: "The news of a command contradicts what was known of it.",
    TOPIC: "Nothing is expected on this topic.",
    SIGHTING: "A gateway's sighting of a log cannot be read, or says nothing.",
    SIGHTING_SIGNATURE: "A sighting's signature does not verify with the gateway's key.",
    POISON: "The backend fails on this message, and set it aside so that nothing waits for it.",
}
