"""A notary: signed documents that are kept here and go to the ledger when the network is back."""
