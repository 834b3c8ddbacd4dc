-- The anchors' own database. Checkpoints that were taken up; what was signed for a chain, and where
-- it stands. The .ots files lie beside it and are their own state.
CREATE TABLE IF NOT EXISTS checkpoint (
    size INTEGER PRIMARY KEY,
    root BLOB NOT NULL,
    note BLOB NOT NULL,
    taken_s INTEGER NOT NULL
) STRICT;

-- One nonce, one purpose; several signed forms of it where the fee had to be raised.
CREATE TABLE IF NOT EXISTS job (
    nonce INTEGER PRIMARY KEY,
    purpose TEXT NOT NULL,          -- deploy, register or anchor
    size INTEGER NOT NULL,          -- of the checkpoint; 0 for the other two
    recipient BLOB NOT NULL,        -- empty for deploy
    data BLOB NOT NULL,
    gas INTEGER NOT NULL,
    state TEXT NOT NULL,            -- pending, confirmed or failed
    hash BLOB NOT NULL DEFAULT x'', -- of the form that is in a block
    block INTEGER NOT NULL DEFAULT 0,
    told TEXT NOT NULL DEFAULT ''   -- what the node said last, for people
) STRICT;

CREATE TABLE IF NOT EXISTS signed (
    hash BLOB PRIMARY KEY,
    nonce INTEGER NOT NULL REFERENCES job (nonce),
    raw BLOB NOT NULL,
    tip_wei TEXT NOT NULL,
    max_fee_wei TEXT NOT NULL,
    signed_s INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS chain (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    chain_id INTEGER NOT NULL,
    account BLOB NOT NULL
) STRICT;
