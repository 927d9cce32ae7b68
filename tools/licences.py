#!/usr/bin/env python
"""Write the licences of the packages in requirements.lock into docs/supply.md anew."""

from pathlib import Path

from mnist_aug.arguments import Parser
from mnist_aug.errors import one_line_errors
from tools import dependencies as supply
from tools import evidence

PROJECT = Path(__file__).parents[1]

if __name__ == "__main__":
    with one_line_errors():
        Parser(description=__doc__, allow_abbrev=False).parse_args()
        page = PROJECT / "docs" / "supply.md"
        pinned = supply.pins(PROJECT / "requirements.lock")
        evidence.write(page, {"licences": supply.licences(pinned, page)})
