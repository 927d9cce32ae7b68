"""Policies, and the engine that runs them on batches."""
