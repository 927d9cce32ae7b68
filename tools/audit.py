"""Look for known vulnerabilities of the packages in requirements.lock, if a database answers."""

from pathlib import Path

from mnist_aug.arguments import Parser
from mnist_aug.errors import one_line_errors
from tools import dependencies

if __name__ == "__main__":
    with one_line_errors():
        Parser(description=__doc__, allow_abbrev=False).parse_args()
        lock = Path(__file__).parents[1] / "requirements.lock"
        print(dependencies.audit(dependencies.pins(lock)))
