"""The range's own texts: small grammars that write prompts, instructions and elicitations."""
