"""The notebook runs from top to bottom, as a reader would run it, and is kept without outputs."""

import ast
import builtins
import inspect
import json
import sys

import pytest
from conftest import PATIENCE, PROJECT

import mnist_aug

NOTEBOOK = PROJECT / "notebooks" / "MNIST.ipynb"
CELLS = [
    cell
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    if cell["cell_type"] == "code"
]


def imported(tree):
    """What the imports among the statements bring, by name."""
    names = {}
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            exec(compile(ast.Module([statement], []), "import", "exec"), names)
    return names


def dotted(node):
    """`["a", "b"]` of `a.b`; None where it doesn't begin with a name."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else None


def test_it_is_kept_without_outputs_and_names_what_exists():
    """What a run would stumble on first: names, attributes and arguments that are gone."""
    assert not any(cell["outputs"] for cell in CELLS)
    tree = ast.parse("\n".join("".join(cell["source"]) for cell in CELLS))
    known = imported(tree)
    nodes = [*ast.walk(tree)]
    bound = {
        node.id for node in nodes if isinstance(node, ast.Name) and type(node.ctx) is ast.Store
    }
    bound |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    bound |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    assert used <= {*known, *bound, *dir(builtins)}
    for node in nodes:
        names = dotted(node)
        if names and names[0] in known:
            value = known[names[0]]
            for name in names[1:]:
                value = getattr(value, name)
        elif names and names[0] == "found":
            assert len(names) == 1 or hasattr(mnist_aug.Compared, names[1]), names
        if isinstance(node, ast.Call) and dotted(node.func) == ["mnist_aug", "compare"]:
            given = {word.arg: None for word in node.keywords}
            inspect.signature(mnist_aug.compare).bind(*node.args, **given)


@pytest.mark.torture
def test_runs_top_to_bottom(monkeypatch, tmp_path):
    # For checks that aren't made here, it would add five seconds to the time that nbformat takes.
    monkeypatch.setitem(sys.modules, "rfc3987_syntax", None)
    import nbformat  # here, as no other test needs it
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
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
    table = next(text for text in shown if "best_on_validation" in text)
    assert all(name in table for name in ("none", "default", "mixup:0.2", "mine"))
    assert (tmp_path / "reports" / "index.html").exists()
