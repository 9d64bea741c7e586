"""The log formats that are understood, one reader a file."""
