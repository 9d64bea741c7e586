"""Was this model taught by ours? Watermarks, radioactivity and behaviour tests with honest p-values."""
