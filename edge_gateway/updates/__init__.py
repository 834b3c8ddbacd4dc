"""Application updates over the air: fetched in pieces, verified, handed to the vehicle by UDS."""
