"""Models under test and beside it: a folder with weights, an address, recorded answers, or a small table."""
