"""Licences of the packages in the lock, and what is said of their vulnerabilities."""

import json
import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path

import pytest

from mnist_aug.errors import UserError
from tools import dependencies

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs" / "dependencies.md"
PINNED = dependencies.pins(PROJECT / "requirements.lock")
STRICT = re.compile(
    r"GNU (LESSER |LIBRARY |AFFERO )?GENERAL PUBLIC LICENSE\s+Version \d|"
    r"Affero|Mozilla Public License,? v|Server Side Public|Business Source|"
    r"NonCommercial"
)


def installed():
    """Name to distribution of those packages that are installed as the lock pins them."""
    found = {}
    for name, version in PINNED:
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # of another Python or system
            continue
        if distribution.version == version:
            found[name] = distribution
    return found


@contextmanager
def database(answer):
    """An address on this machine that answers as OSV does, with what `answer(name, version)` is."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = answer(query["package"]["name"], query["version"]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def knows(*faulty):
    """A database that knows of one fault in each of these, given as (name, version)."""

    def answer(name, version):
        if (name, version) not in faulty:
            return "{}"
        ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0"}]}]
        package = {"name": name, "ecosystem": "PyPI"}
        return json.dumps(
            {
                "vulns": [
                    {
                        "id": "GHSA-1",
                        "aliases": ["CVE-1"],
                        "summary": "a fault",
                        "affected": [{"package": package, "ranges": ranges}],
                    }
                ]
            }
        )

    return answer


def test_every_package_of_the_lock_has_an_allowed_licence(counted):
    rows = dependencies.rows(PAGE)
    assert set(rows) == {name for name, _ in PINNED}
    for name, (version, stated) in rows.items():
        assert (name, version) in PINNED
        assert not dependencies.refused(name, stated), (name, stated)
    counted("packages whose licence was looked at", len(rows))


def test_the_page_says_what_the_installed_packages_say():
    rows, found = dependencies.rows(PAGE), installed()
    assert len(found) > 100
    for name, distribution in found.items():
        stated = dependencies.licence(distribution)
        assert not dependencies.refused(name, stated), (name, stated)
        if distribution.version == rows[name][0]:
            assert stated == rows[name][1], name


def test_texts_of_stricter_licences_are_accounted_for(counted):
    """Wheels carry others' libraries, which only their licence files tell of."""
    looked_at = 0
    for name, distribution in installed().items():
        files = [
            file.locate()
            for file in distribution.files or []
            if re.search("licen[cs]e|copying|notice|third.?party", file.name, re.I)
            and file.suffix not in (".py", ".pyc", ".js", ".json", ".h")
        ]
        for file in filter(Path.is_file, map(Path, files)):
            looked_at += 1
            strict = STRICT.search(file.read_text(encoding="utf-8", errors="replace"))
            assert strict is None or name in dependencies.EXCEPTIONS, (name, file, strict[0])
    assert looked_at > 100
    counted("licence files searched for stricter licences", looked_at)


@pytest.mark.parametrize(
    "stated",
    [
        "unknown",
        "GPL-3.0-or-later",
        "AGPL-3.0-only",
        "MPL-2.0",
        "MIT AND LGPL-2.1-only",
        "Proprietary",
        "BUSL-1.1",
    ],
)
def test_other_licences_are_refused(stated):
    assert dependencies.refused("a-new-package", stated)
    assert dependencies.refused("certifi", stated) == (stated != "MPL-2.0")


@pytest.mark.parametrize(
    ("lines", "understood"),
    [
        ("License-Expression: MIT AND PSF-2.0", "MIT AND PSF-2.0"),
        ("License: BSD 3-Clause License", "BSD-3-Clause"),
        (
            "Classifier: License :: OSI Approved :: Apache Software License\n"
            "Classifier: License :: OSI Approved :: BSD License",
            "Apache-2.0 AND BSD",
        ),
        ("License: see LICENSE\nClassifier: License :: OSI Approved :: ISC License (ISCL)", "ISC"),
        ("License-Expression: AGPL-3.0-only", "unknown"),
        ("Classifier: License :: OSI Approved :: GNU Affero General Public License v3", "unknown"),
        ("Classifier: License :: Other/Proprietary License", "unknown"),
        ("Summary: says nothing", "unknown"),
    ],
)
def test_a_licence_is_read_from_what_the_package_says(tmp_path, lines, understood):
    folder = tmp_path / "thing-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: thing\nVersion: 1.0\n{lines}\n")
    assert dependencies.licence(metadata.Distribution.at(folder)) == understood


def test_a_package_that_is_not_here_keeps_its_row_or_is_named(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("| of-another-system | 1.0 | MIT |  |\n")
    table = dependencies.licences(
        [("of-another-system", "1.0"), ("numpy", metadata.version("numpy"))], page
    )
    assert "\n| of-another-system | 1.0 | MIT |  |" in table
    assert re.search(r"^\| numpy \| \S+ \| .*BSD.* \| libgfortran", table, re.M)
    with pytest.raises(UserError, match=r"of-another-system 2\.0 .* isn't installed"):
        dependencies.licences([("of-another-system", "2.0")], page)


def test_the_agpl_successor_of_albumentations_is_nowhere():
    for file in ("requirements.lock", "pyproject.toml", "environment.yml"):
        assert "albumentationsx" not in (PROJECT / file).read_text().lower()
    assert {name for name, _ in PINNED if "albu" in name} == {"albumentations", "albucore"}


@pytest.mark.torture
def test_the_lock_is_audited_and_a_known_vulnerability_fails(fails_in_one_line, counted):
    queries = []
    faulty = [pin for pin in PINNED if pin[0] == "numpy"][-1]  # pinned once for each Python

    def answer(name, version):
        queries.append((name, version))
        return knows(dependencies.KNOWN, faulty)(name, version)

    with database(answer) as url:
        process = subprocess.run(
            [sys.executable, "-m", "tools.audit"],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            env=os.environ | {"PIP_AUDIT_OSV_URL": url},
        )
    fails_in_one_line(process, f"numpy {faulty[1]}: CVE-1, mended in 3.0")
    assert process.stdout == ""
    assert sorted(queries) == sorted([*PINNED, dependencies.KNOWN])
    counted("packages audited against a database made for the test", len(PINNED))


def test_a_vulnerability_is_accepted_by_any_of_its_names(monkeypatch):
    pinned = [("six", "1.17.0"), ("wheel", "0.48.0")]
    monkeypatch.setattr(dependencies, "ACCEPTED", {(*pinned[0], "GHSA-1"): "a reason"})
    with database(knows(dependencies.KNOWN, pinned[0])) as url:
        monkeypatch.setenv("PIP_AUDIT_OSV_URL", url)
        assert dependencies.audit(pinned) == "2 pins audited: no known vulnerability"


def test_what_is_accepted_is_in_the_lock():
    assert {(name, version) for name, version, _ in dependencies.ACCEPTED} <= set(PINNED)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(knows(), id="knows nothing", marks=pytest.mark.torture),
        pytest.param(
            lambda *_: "<html>sign in</html>", id="is another server", marks=pytest.mark.torture
        ),
        pytest.param(None, id="is not there"),
    ],
)
def test_where_no_database_answers_nothing_is_said_to_be_sound(answer, monkeypatch):
    with database(answer) as url:
        monkeypatch.setenv("PIP_AUDIT_OSV_URL", url)
        said = dependencies.audit(PINNED[:1]) if answer else None
    said = said or dependencies.audit(PINNED[:1])
    assert said.startswith("not audited: the database can't be reached (")
    assert "\n" not in said


@pytest.mark.torture
def test_a_database_that_never_answers_is_given_up(monkeypatch):
    over = threading.Event()

    def answer(*_):
        over.wait()
        return "{}"

    with database(answer) as url:
        monkeypatch.setenv("PIP_AUDIT_OSV_URL", url)
        said = dependencies.audit(PINNED[:1], limit_s=1)
        over.set()
    assert said.startswith("not audited: the database can't be reached (")
