"""What a provider may do to the answers of flagged traffic, as pure transforms of text, one a file."""
