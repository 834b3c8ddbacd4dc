"""A transparency log in C2SP tlog-tiles form; entries are opaque bytes."""
