"""Finds, proves and stops adversarial distillation of a language model in its provider's own traffic."""

__version__ = "0.1.0"
