"""What the project is built on: the packages of requirements.lock, their licences and faults."""

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

from mnist_aug.errors import UserError

PERMISSIVE = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "PSF-2.0",
    "Zlib",
}
# What isn't permissive, looked at one by one; docs/dependencies.md says why each may be used.
EXCEPTIONS = {
    "axe-playwright-python": "axe-core: MPL-2.0",
    "certifi": "all: MPL-2.0",
    "fqdn": "all: MPL-2.0",
    "grpcio": "root certificates: MPL-2.0",
    "hypothesis": "all: MPL-2.0",
    "ml-dtypes": "Eigen: MPL-2.0",
    "numpy": "libgfortran, libquadmath: GPL-3.0 with the GCC exception, LGPL-2.1",
    "opencv-python-headless": "FFmpeg, libquadmath: LGPL-2.1; Eigen: MPL-2.0; "
    "libgfortran: GPL-3.0 with the GCC exception",
    "pip": "vendored certifi: MPL-2.0",
    "pyzmq": "libzmq: MPL-2.0",
    "scikit-learn": "libgomp: GPL-3.0 with the GCC exception",
    "scipy": "libgfortran, libquadmath: GPL-3.0 with the GCC exception, LGPL-2.1",
    "setuptools": "vendored autocommand: LGPL-3.0; parts of its validator: MPL-2.0",
    "simsimd": "libgomp: GPL-3.0 with the GCC exception",
    "tensorflow": "Eigen: MPL-2.0; ducc's FFT: BSD-3-Clause or GPL-2.0, taken as the former",
    "tqdm": "parts: MPL-2.0",
    "virtualenv": "copies of pip and setuptools, which see",
}
# Other spellings of a licence in packages' metadata.
SPELLINGS = {
    spelling: licence
    for licence, spellings in {
        "Apache-2.0": (
            "Apache 2.0",
            "Apache License 2.0",
            "Apache License, Version 2.0",
            "Apache Software License",
        ),
        "BSD": ("BSD License",),
        "BSD-2-Clause": ("2-clause BSD", "BSD 2-Clause License"),
        "BSD-3-Clause": ("3-Clause BSD License", "BSD 3-Clause", "BSD 3-Clause License"),
        "ISC": ("ISC license", "ISC License (ISCL)"),
        "MIT": ("MIT License", "MIT license"),
        "MPL-2.0": ("Mozilla Public License 2.0 (MPL 2.0)",),
        "PSF-2.0": ("PSFL", "Python Software Foundation License"),
    }.items()
    for spelling in spellings
}
# Known vulnerabilities that are none here, each of one pin.
ACCEPTED = {
    (
        "keras",
        "3.12.4",
        "GHSA-hqp4-2352-xf5r",
    ): "said of all versions before 3.14, but mended in this one, the last for Python 3.10",
}
LIMIT_S = 60  # of one call of pip-audit
# Its faults are long published: a database that knows of none isn't one.
KNOWN = ("flask", "0.5")


def pins(lock: Path) -> list[tuple[str, str]]:
    """Name and version of every package a lock pins, for any Python and system."""
    return re.findall(r"^([a-z0-9-]+)==([^\s;]+)", lock.read_text(encoding="utf-8"), re.M)


def licence(distribution: metadata.Distribution) -> str:
    """The SPDX expression of an installed package's own licence, "BSD" where it doesn't say which.

    Its metadata says it as an expression, in words or by classifiers, and otherwise its licence
    file.

    Returns:
        "unknown" if none of these is understood.
    """
    about = distribution.metadata
    classifiers = [
        line.split(" :: ")[-1]
        for line in about.get_all("Classifier", [])
        if line.startswith("License :: OSI Approved :: ")
    ]
    said: list[str] = [
        *about.get_all("License-Expression", []),
        *about.get_all("License", []),
        " AND ".join(classifiers),
    ]
    if not any(said):
        files = [file for file in distribution.files or [] if file.name.upper() == "LICENSE"]
        spelled = re.compile("|".join(map(re.escape, SPELLINGS)))
        texts = (file.read_text(encoding="utf-8") for file in files)
        said = [match[0] for match in map(spelled.search, texts) if match]
    for words in filter(None, said):
        expression = "".join(
            SPELLINGS.get(part, part) for part in re.split("( AND | OR )", words.strip())
        )
        if parted(expression) <= PERMISSIVE | {"MPL-2.0"}:
            return expression
    return "unknown"


def parted(expression: str) -> set[str]:
    """The licences that an SPDX expression names."""
    return set(re.split(" AND | OR ", expression))


def refused(name: str, stated: str) -> bool:
    """Whether the package may not be used, given its licence."""
    others = parted(stated) - PERMISSIVE
    return bool(others) and not (others == {"MPL-2.0"} and name in EXCEPTIONS)


def licences(pinned: list[tuple[str, str]], page: Path) -> str:
    """A Markdown table of the packages' licences.

    What isn't installed, as on another Python or system, keeps its row of the page.

    Raises:
        UserError: a package is neither installed in a pinned version nor in the page.
    """
    known = rows(page)
    table = [
        "| package | version | licence | what in it isn't permissive |",
        "| :-- | :-- | :-- | :-- |",
    ]
    for name, versions in _versions(pinned).items():
        try:
            found = metadata.distribution(name)
            row = found.version, licence(found)
        except metadata.PackageNotFoundError:
            row = known.get(name, ("", ""))
        if row[0] not in versions:
            raise UserError(
                f"{name} {versions[0]} of the lock isn't installed here: install it "
                "for this Python, or with `pip install --target` into a folder of "
                "PYTHONPATH"
            )
        table.append(f"| {name} | {row[0]} | {row[1]} | {EXCEPTIONS.get(name, '')} |")
    return "\n".join(table)


def rows(page: Path) -> dict[str, tuple[str, str]]:
    """Name to version and licence, from the page's table."""
    found = re.findall(r"^\| ([a-z0-9-]+) \| (\d\S*) \| (.+?) \|", page.read_text("utf-8"), re.M)
    return {name: (version, stated) for name, version, stated in found}


def audit(pinned: list[tuple[str, str]], limit_s: float = LIMIT_S) -> str:
    """Look for known vulnerabilities of the packages with pip-audit, in the database OSV.

    PIP_AUDIT_OSV_URL names another place that answers as OSV does.

    Returns:
        A sentence: how many were audited, or that the database can't be reached.

    Raises:
        UserError: some have known vulnerabilities not in `ACCEPTED`, or pip-audit isn't installed.
    """
    try:
        metadata.distribution("pip-audit")
    except metadata.PackageNotFoundError:
        raise UserError("pip-audit isn't installed: pip install '.[test]'") from None
    try:
        if not _vulnerabilities([KNOWN], limit_s):
            raise ValueError(f"what answers knows of no fault of {KNOWN[0]} {KNOWN[1]}")
        # pip-audit takes each name once, and the lock may pin one version for each Python.
        found = [
            line
            for once in itertools.zip_longest(*_pairs(pinned).values())
            for line in _vulnerabilities([pair for pair in once if pair], limit_s)
        ]
    except (subprocess.TimeoutExpired, ValueError) as error:
        return f"not audited: the database can't be reached ({error})"
    if found:
        raise UserError(
            f"the lock pins versions with known vulnerabilities: {'; '.join(found)}. "
            "Pin others and run `make test`"
        )
    return f"{len(pinned)} pins audited: no known vulnerability"


def _vulnerabilities(pairs: Sequence[tuple[str, str]], limit_s: float) -> list[str]:
    """A line for each vulnerability.

    Raises:
        TimeoutExpired: it took longer than `limit_s`.
        ValueError: pip-audit ended without a result; the message is its last words.
    """
    process = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip_audit",
            "--requirement",
            "/dev/stdin",
            "--no-deps",
            "--disable-pip",
            "--vulnerability-service",
            "osv",
            "--format",
            "json",
            "--aliases",
            "on",
            "--progress-spinner",
            "off",
        ],
        input="".join(f"{name}=={version}\n" for name, version in pairs),
        capture_output=True,
        text=True,
        timeout=limit_s,
    )
    try:
        audited = json.loads(process.stdout)["dependencies"]
    except (ValueError, KeyError):
        raise ValueError((process.stderr.strip() or "no answer").splitlines()[-1]) from None
    skipped = [one for one in audited if "vulns" not in one]
    if skipped or len(audited) != len(pairs):
        raise ValueError(f"{len(audited) - len(skipped)} of {len(pairs)} packages were looked up")
    return [
        f"{one['name']} {one['version']}: {fault['id']}, "
        + (
            f"mended in {', '.join(fault['fix_versions'])}"
            if fault["fix_versions"]
            else "not mended"
        )
        for one in audited
        for fault in one["vulns"]
        if not any(
            (one["name"], one["version"], identifier) in ACCEPTED
            for identifier in (fault["id"], *fault["aliases"])
        )
    ]


def _versions(pinned: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    return {name: [version for _, version in pairs] for name, pairs in _pairs(pinned).items()}


def _pairs(pinned: Iterable[tuple[str, str]]) -> dict[str, list[tuple[str, str]]]:
    return {
        name: list(pairs)
        for name, pairs in itertools.groupby(sorted(pinned), key=lambda pair: pair[0])
    }
