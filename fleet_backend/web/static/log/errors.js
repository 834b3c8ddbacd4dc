// Errors of the log in the browser, by the names that fleet_backend/ledger gives them. `code` and
// `values` are what a page puts into words; whatever else is thrown is a fault of the page.

export class LedgerError extends Error {
  constructor(code, values = {}) {
    super(code);
    this.code = code;
    this.values = values;
  }
}

/** Not a signed note, not a verifier key, or no good signature. */
export class NoteError extends LedgerError {
  name = "NoteError";
}

/** A signed note whose text is not a checkpoint of the log. */
export class CheckpointError extends LedgerError {
  name = "CheckpointError";
}

/** An inclusion or consistency proof, or its file, that does not verify. */
export class ProofError extends LedgerError {
  name = "ProofError";
}

/** A tile or a bundle that is not what the signed root stands for. */
export class TileError extends LedgerError {
  name = "TileError";
}

/** A policy file that is malformed. */
export class PolicyError extends LedgerError {
  name = "PolicyError";
}
