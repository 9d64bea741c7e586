"""Which accounts act as one: views, communities, joint evidence, false-discovery control."""
