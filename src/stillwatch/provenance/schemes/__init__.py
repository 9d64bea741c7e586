"""Marks that serving engines set, one a file: their keyed function, what it reads, and how totals behave by chance."""
