"""The command line: each command teaches with --help and speaks to machines with --json."""
