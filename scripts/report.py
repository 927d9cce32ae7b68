"""Write the report: reports/index.html, report.md, tables/ and figures/, from the results folder.

The other scripts' options are taken too, so that make can pass one list to all. --seeds, --epochs,
--policy and --model refuse results made otherwise; --data is not read, as the report needs no
dataset.
"""

from mnist_aug import arguments
from mnist_aug.errors import one_line_errors


def main() -> None:
    options = arguments.parser(__doc__).parse_args()

    from mnist_aug.report import page

    verdict = page.write(
        options.results,
        options.reports,
        options.seeds,
        options.epochs,
        options.policy,
        options.model,
        options.margin,
    )
    print(f"{options.reports / 'index.html'}: {verdict}")


if __name__ == "__main__":
    with one_line_errors():
        main()
