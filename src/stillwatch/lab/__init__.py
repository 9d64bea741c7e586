"""Distillation of one's own models, to measure what a campaign gains and what each defence takes away."""
