"""Formats that traffic is logged in: one reader a file, found by looking at the data."""
