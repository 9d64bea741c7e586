"""The engines' pseudo-random functions, in whole-number arithmetic, bit for bit."""
