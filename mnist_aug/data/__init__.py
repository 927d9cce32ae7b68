"""Datasets: what is read from files, and what images are evaluated on."""
