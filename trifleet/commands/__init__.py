"""The subcommands of `trifleet`, one a file. They read options, call the programs, print."""
