"""The views of a group: what ties its accounts, one file each."""
