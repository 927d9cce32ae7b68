"""Runs: variants, models, the input pipeline, the trainer, and where runs are trained."""
