"""Write the licences of the packages in requirements.lock into docs/dependencies.md anew."""

from pathlib import Path

from mnist_aug.arguments import Parser
from mnist_aug.errors import one_line_errors
from tools import dependencies, evidence

PROJECT = Path(__file__).parents[1]

if __name__ == "__main__":
    with one_line_errors():
        Parser(description=__doc__, allow_abbrev=False).parse_args()
        page = PROJECT / "docs" / "dependencies.md"
        pinned = dependencies.pins(PROJECT / "requirements.lock")
        evidence.write(page, {"licences": dependencies.licences(pinned, page)})
