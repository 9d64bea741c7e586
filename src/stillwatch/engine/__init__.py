"""Where the scan runs."""
