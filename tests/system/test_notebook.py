"""The notebook runs from top to bottom, as a reader would run it, and is kept without outputs."""

from pathlib import Path

import nbformat
from conftest import PATIENCE
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "MNIST.ipynb"


def test_runs_top_to_bottom(monkeypatch, tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    monkeypatch.setenv("DATA", "digits")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    NotebookClient(
        notebook,
        timeout=PATIENCE,
        startup_timeout=PATIENCE,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    shown = [
        output.get("data", {}).get("image/png")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    ]
    assert sum(picture is not None for picture in shown) == 5
    text = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
    assert "difference" in text
    assert "mine " in text
