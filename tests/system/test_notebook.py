"""The notebook runs from top to bottom, as a reader would run it, and is kept without outputs."""

import sys

from conftest import PATIENCE, PROJECT

NOTEBOOK = PROJECT / "notebooks" / "MNIST.ipynb"


def test_runs_top_to_bottom(monkeypatch, tmp_path):
    # For checks that aren't made here, it would add five seconds to the time that nbformat takes.
    monkeypatch.setitem(sys.modules, "rfc3987_syntax", None)
    import nbformat  # here, as no other test needs it
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    for cell in notebook.cells:  # two seeds and an epoch do as well here
        cell.source = cell.source.replace("seeds=3", "seeds=2").replace("epochs=5", "epochs=1")
        cell.source = cell.source.replace("epochs=2", "epochs=1")
    monkeypatch.setenv("DATA", "digits")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    NotebookClient(
        notebook,
        timeout=PATIENCE,
        startup_timeout=PATIENCE,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 5
    assert not [output for output in outputs if output.get("name") == "stderr"]
    # Progress is one output, which says at its end what was done; tables are HTML.
    shown = [output["data"].get("text/html", "") for output in outputs if "data" in output]
    assert len([text for text in shown if "training 4 runs: done after" in text]) == 3
    assert not [text for text in shown if "<progress" in text]
    assert "validation" in "".join(output.get("text", "") for output in outputs)
    table = next(text for text in shown if "test accuracy against none" in text)
    assert all(name in table for name in ("none", "default", "mixup:0.2", "mine"))
    assert (tmp_path / "reports" / "index.html").exists()
