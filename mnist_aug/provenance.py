"""Where and with what results are made: commit, versions, machine, command and time."""

import os
import platform
import re
import subprocess
import sys
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from mnist_aug import terminal

PACKAGES = (
    "albumentations",
    "keras",
    "matplotlib",
    "numpy",
    "opencv-python-headless",
    "pandas",
    "scikit-learn",
    "scipy",
    "seaborn",
    "tensorflow",
)
# What results depend on. Results themselves may lie in any other folder.
CODE = ("mnist_aug", "scripts", "Makefile", "pyproject.toml", "requirements.lock")


def describe(command: str | None = None) -> dict[str, Any]:
    """For a manifest: git commit, versions, device and command."""
    return {
        "git": _git(),
        "versions": _versions(),
        "device": _device(),
        "command": command or command_line(),
    }


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _git() -> dict[str, str | bool | None]:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", Path(__file__).parents[1], *arguments],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", *CODE)
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(changed)}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _device() -> dict[str, str | int]:
    processor = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                processor = line.split(":", 1)[1].strip()
                break
    except OSError:  # not Linux
        pass
    libc = " ".join(platform.libc_ver()).strip()  # what mathematics depends on; the kernel is not
    system = f"{platform.system()} {platform.machine()}" + (f", {libc}" if libc else "")
    return {"processor": processor, "cores": cores(), "system": system}


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def command_line() -> str:
    """The command line, without passwords, folders outside reduced to their last name.

    Of a notebook's kernel, which is started by a file that is gone soon, "a notebook".
    """
    if terminal.in_notebook():
        return "a notebook"

    def shown(argument: str) -> str:
        option, equals, value = (
            argument.partition("=") if argument.startswith("--") else ("", "", argument)
        )
        outside = value.startswith(("/", "~", ".."))
        return option + equals + (f"…/{Path(value).name}" if outside else without_password(value))

    script = Path(sys.argv[0])
    return " ".join([f"{script.parent.name}/{script.name}", *map(shown, sys.argv[1:])])


def without_password(text: str) -> str:
    """Text without the user, the password and the options of a URL in it.

    A user's or a password's end is the last `@`, as some databases let either hold others.
    """
    return re.sub(r"(?s)(://[^?]*\?).+", r"\1…", re.sub(r"(?s)://.*@", "://…@", text))
