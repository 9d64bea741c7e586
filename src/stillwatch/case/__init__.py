"""What an analyst judges: a campaign with its evidence, in words, tables and pictures."""
