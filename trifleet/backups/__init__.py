"""Back-ups of an installation, and a new installation out of one."""
