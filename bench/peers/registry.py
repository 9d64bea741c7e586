"""The one list of peers: modules of this folder, in the order of the table."""

PEERS = (
    "volume",
    "sharing",
    "honeypot",
    "coordination",
    "splink_clusters",
    "mmd_windows",
    "synchrotrap",
    "stillwatch_scan",
)
OURS = "stillwatch_scan"
