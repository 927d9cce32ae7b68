"""Write the report: reports/index.html, report.md, tables/ and figures/, from the results folder.

The other scripts' options are taken too, so that make can pass one list to all. --seeds, --epochs,
--policy and --model refuse results made otherwise. The report needs no dataset, so --data is not
read, but refused where it names another dataset than that of the results.
"""

from mnist_aug import arguments
from mnist_aug.errors import one_line_errors


def main() -> None:
    options = arguments.parser(__doc__).parse_args()

    from mnist_aug.analysis import comparison
    from mnist_aug.experiments import next_steps
    from mnist_aug.report import page

    said = page.write(
        options.results,
        options.reports,
        options.seeds,
        options.epochs,
        options.policy,
        options.model,
        options.margin,
        options.data,
    )
    content = comparison.load(options.results)
    print(next_steps.reached(content))
    print(said)
    print(f"report: {options.reports / 'index.html'}")
    print(next_steps.after_report(content, options.results, options))


if __name__ == "__main__":
    with one_line_errors():
        main()
