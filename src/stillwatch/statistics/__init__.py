"""Pure mathematics of evidence: no data frames, no input or output."""
