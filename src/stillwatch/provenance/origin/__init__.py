"""Was this model taught by ours? One test a file, each with its null, what it needs, and what it guarantees."""
