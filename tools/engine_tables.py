"""Measure the engine and write the tables of docs/engine.md anew. Takes some fifteen minutes.

    python -m tools.engine_tables [--only TABLE ...] [--pipelines NAME ...] [--check]

With --check the file stays as it is, and the tables are printed. With --pipelines only these of the
benchmark set (tools/pipelines.py) are measured, and printed.
"""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from mnist_aug.arguments import Parser
from mnist_aug.errors import one_line_errors
from tools import evidence
from tools.pipelines import ALL

if __name__ == "__main__":
    with one_line_errors():
        parser = Parser(description=__doc__.splitlines()[0], allow_abbrev=False)
        parser.add_argument("--only", nargs="+", choices=evidence.TABLES, help="make these tables")
        parser.add_argument(
            "--pipelines",
            nargs="+",
            choices=[pipeline.name for pipeline in ALL],
            metavar="NAME",
            help="measure these alone, and print",
        )
        parser.add_argument("--check", action="store_true", help="print, don't write")
        arguments = parser.parse_args()
        page = Path(__file__).parents[1] / "docs" / "engine.md"
        names = arguments.only or (["pipelines"] if arguments.pipelines else [])
        chosen = [p for p in ALL if p.name in (arguments.pipelines or [p.name])]
        only_print = arguments.check or arguments.pipelines
        if not only_print:
            evidence.check(page, names or evidence.TABLES)  # before minutes of measuring
        tables = evidence.measure(names, chosen)
        if only_print:
            print("\n\n".join(tables.values()))
        else:
            evidence.write(page, tables)
