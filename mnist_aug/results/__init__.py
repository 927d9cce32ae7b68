"""The results folder: the one place that knows its layout, reads it, checks it and writes it."""
