"""Data efficiency and cost: what augmentation saves in images, and what it takes in time."""

from typing import Any

from mnist_aug.analysis import benchmark, studies
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.cost import cost
from mnist_aug.analysis.models import name_of
from mnist_aug.report import bench, data_efficiency, epochs, pareto, provenance
from mnist_aug.report.blocks import Section
from mnist_aug.report.drawing import Figure
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.sentences import NO_CONCLUSION
from mnist_aug.report.tables import Table

LIBRARIES = {  # that the benchmark compares, by their packages
    "jax": "JAX",
    "keras": "Keras",
    "kornia": "Kornia",
    "tensorflow": "TensorFlow",
    "torch": "PyTorch",
    "torchvision": "torchvision",
}


def section(content: Comparison, inputs: Inputs) -> Section:
    """What augmentation saves, and what it costs."""
    figures: list[Figure] = []
    tables: list[Table] = []
    facts: dict[str, Any] = {
        "concluded": content.difference.outcome != "no verdict",
        "no_conclusion": NO_CONCLUSION,
    }
    time = cost(content)
    if runs := inputs.studies.get("data-efficiency"):
        table = data_efficiency.table(runs)
        worth = facts["worth"] = studies.worth(table.frame)
        if worth.images:  # an epoch has as many steps as one of all images
            usual = runs.frame["epochs"].min()
            facts["seen"] = f"{round(usual * worth.every / worth.images):,}"
        figures.append(data_efficiency.figure(runs, table, content))
        tables.append(table)
    if runs := inputs.studies.get("epochs"):
        table = epochs.table(runs)
        facts["epochs"] = epochs.facts(runs, table, time)
        figures.append(epochs.figure(table, content))
        tables.append(table)
    if inputs.evaluated or inputs.reached:
        table = pareto.table(content, inputs)
        facts["pareto"] = pareto.facts(table, content, inputs)
        figures.append(pareto.figure(table, content))
        tables.append(table)
    facts["cost"] = time
    tables.append(provenance.cost(content))
    if content.benchmark is not None:
        own = facts["bench"] = _bench(content)
        figures.append(bench.figure(content, content.benchmark))
        tables.append(figures[-1].table)
        own["in_parallel"] = bench.augmented_in_parallel(tables[-1].frame)
        if len(benchmark.training(content.benchmark)):
            figures.append(bench.training(content, content.benchmark))
            tables.append(figures[-1].table)
            own["training"] = bench.training_facts(tables[-1].frame)
        if len(benchmark.libraries(content.benchmark)):
            figures.append(bench.libraries(content, content.benchmark))
            tables.append(figures[-1].table)
    title = "Data efficiency and cost" if "worth" in facts else "Training time and cost"
    return Section("efficiency", title, facts, figures, tables)


def _bench(content: Comparison) -> dict[str, Any]:
    """Where the benchmark was measured, with what, what is missing, if there were spare cores."""
    host = content.host or {}
    own, timed = name_of(content.both[1].settings), name_of(host)
    return {
        "machine": provenance.machine(host.get("device", {})),
        "other_model": timed if own != timed else "",
        "own_model": own,
        "left_out": host.get("left_out", []),
        "versions": [
            f"{label} {version}"
            for package, label in LIBRARIES.items()
            if (version := host.get("versions", {}).get(package))
        ],
        "spare": (host.get("device", {}).get("cores") or 1) > 1,
    }
