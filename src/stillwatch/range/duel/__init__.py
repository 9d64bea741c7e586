"""The duel: an operator that knows the detector gives up one signal after another, and pays for each."""
