"""A witness of transparency logs over HTTP (C2SP tlog-witness)."""
