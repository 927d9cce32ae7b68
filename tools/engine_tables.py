"""Measure the engine and write the tables of docs/engine.md anew. Takes some minutes.

    python -m tools.engine_tables [--check]

With --check the file stays as it is, and the tables are printed.
"""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from mnist_aug.arguments import Parser
from mnist_aug.errors import one_line_errors
from tools import evidence

if __name__ == "__main__":
    with one_line_errors():
        parser = Parser(description=__doc__.splitlines()[0], allow_abbrev=False)
        parser.add_argument("--check", action="store_true", help="print, don't write")
        arguments = parser.parse_args()
        page = Path(__file__).parents[1] / "docs" / "engine.md"
        tables = evidence.measure()
        if arguments.check:
            print("\n\n".join(tables.values()))
        else:
            evidence.write(page, tables)
