"""The sections of the report, in the order of reading."""

from dataclasses import replace

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.report import (
    appendix,
    choosing,
    efficiency,
    errors,
    glance,
    limits,
    result,
    robustness,
    setup,
    summary,
    trial,
)
from mnist_aug.report.blocks import Section
from mnist_aug.report.inputs import Inputs

APPENDICES = ("published", "setup")


def every_section(content: Comparison, inputs: Inputs) -> list[Section]:
    """The sections, the appendices last."""
    every = [
        part.section(content, inputs)
        for part in (
            summary,
            glance,
            result,
            robustness,
            efficiency,
            choosing,
            errors,
            trial,
            limits,
            appendix,
        )
    ]
    sections = [one for one in every if one is not None]
    shown = {table.name: table for one in sections for table in one.tables}
    sections.append(setup.section(content, inputs, shown))
    count = sections.index(next(one for one in sections if one.anchor in APPENDICES))
    numbers = [*map(str, range(1, count + 1)), *"AB"]
    return [replace(one, number=number) for one, number in zip(sections, numbers, strict=False)]
