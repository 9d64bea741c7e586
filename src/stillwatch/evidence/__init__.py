"""How surprising an account is: one detector a file, evidence in nats, never a verdict."""
