"""What came of each picture, as lines, JSON, CSV and a figure."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_aug import formatting
from mnist_aug.data.formats import heic, pictures
from mnist_aug.data.preprocessing import Form, read
from mnist_aug.evaluate import answers
from mnist_aug.evaluate.answers import Answer, Picture
from mnist_aug.evaluate.prediction import Reading

DIGITS = tuple(map(str, range(10)))


def reading(*probabilities, **more):
    """The first classes' probabilities, of two runs that agree."""
    return Reading(np.pad(np.array(probabilities), (0, 10 - len(probabilities))), 2, 2, **more)


def answer(path="a.png", readings=None, **more):
    picture = Picture(Path(path), Path(path), true=more.pop("true", None))
    if readings is None:
        return Answer(picture, **more)
    return Answer(picture, DIGITS, readings, **more)


READ = answer(
    readings={
        "baseline": reading(0.99996, 0.00004, doubt=0.02),
        "augmented": reading(0.25, 0.75, doubt=0.5, doubts=("runs differ", "little ink")),
    },
    notes=("a frame was removed", "lines were removed"),
)
FAILED = answer("b.png", error="b.png is PDF: convert it")


def test_probabilities_in_percent():
    shown = [formatting.probability(p) for p in (0, 4e-4, 6e-4, 0.5, 0.9994, 0.9996, 1, np.nan)]
    ends = ["99.9 %", "> 99.9 %", "> 99.9 %", "not a number"]
    assert shown == ["< 0.1 %", "< 0.1 %", "0.1 %", "50.0 %", *ends]


def test_lines_never_claim_certainty_and_say_whose_doubts_they_are():
    assert answers.lines(READ) == [
        "a.png",
        "  baseline   0 (> 99.9 %), 1 (< 0.1 %), 2 (< 0.1 %); 2 of 2 runs agree",
        "  augmented  1 (75.0 %), 0 (25.0 %), 2 (< 0.1 %); 2 of 2 runs agree",
        "    doubtful: runs differ",
        "    doubtful: little ink",
        "  note: a frame was removed",
        "  note: lines were removed",
    ]
    assert answers.lines(FAILED) == []


def test_a_doubt_of_both_models_is_said_once():
    both = {
        "baseline": reading(1, doubts=("little ink",)),
        "augmented": reading(1, doubts=("runs differ", "little ink")),
    }
    assert answers.lines(answer(readings=both))[2:] == [
        "  augmented  0 (> 99.9 %), 1 (< 0.1 %), 2 (< 0.1 %); 2 of 2 runs agree",
        "    doubtful: runs differ",
        "  doubtful: little ink",
    ]


def test_json_holds_doubts_and_failures():
    found = answers.as_json(READ, Form((28, 28), 0, "digit", DIGITS))
    assert json.loads(json.dumps(found)) == found
    assert found["image"] == "a.png"
    assert found["notes"] == ["a frame was removed", "lines were removed"]
    assert found["predictions"]["augmented"] == {
        "class": "1",
        "digit": 1,
        "probability": 0.75,
        "best": [
            {"class": "1", "digit": 1, "probability": 0.75},
            {"class": "0", "digit": 0, "probability": 0.25},
            {"class": "2", "digit": 2, "probability": 0},
        ],
        "agreeing": 2,
        "runs": 2,
        "doubt": 0.5,
        "doubts": ["runs differ", "little ink"],
    }
    assert answers.as_json(FAILED, Form.of({})) == {"image": "b.png", "error": FAILED.error}
    unsure = answer(readings={"baseline": reading(1)}, true="")
    found = answers.as_json(unsure, Form((28, 28), 0, "image", DIGITS))
    assert found["true"] is None
    assert found["predictions"]["baseline"]["doubt"] is None
    assert "digit" not in found["predictions"]["baseline"]


def test_csv_is_a_table_in_which_nothing_is_computed():
    names = ("=1+1", "-", *DIGITS[2:])
    hostile = Answer(Picture(Path("=SUM(A1)\n.png"), Path(), true="-"), names, READ.readings)
    every = [READ, FAILED, hostile]
    columns = [*answers.COLUMNS, "true"]
    text = answers.csv_lines((row for one in every for row in answers.csv_rows(one)), columns)
    rows = [*csv.DictReader(io.StringIO(text), columns)]
    assert [row["image"] for row in rows] == [*["a.png"] * 2, "b.png", *["./=SUM(A1)\n.png"] * 2]
    assert rows[0] == {
        "image": "a.png",
        "model": "baseline",
        "class": "0",
        "probability": "0.99996",
        "second": "1",
        "second_probability": "4e-05",
        "agreeing": "2",
        "runs": "2",
        "doubt": "0.02",
        "doubts": "",
        "notes": "a frame was removed; lines were removed",
        "error": "",
        "true": "",
    }
    assert rows[1]["doubts"] == "runs differ; little ink"
    assert (rows[2]["model"], rows[2]["error"]) == ("", FAILED.error)
    assert (rows[3]["class"], rows[3]["second"], rows[3]["true"]) == ("'=1+1", "'-", "'-")


def test_many_failures_alike_share_a_line():
    alike = [answer(f"x/{k}.pdf", error=f"x/{k}.pdf is PDF: convert it") for k in range(11)]
    others = [answer(f"y/{k}.pdf", error=f"y/{k}.pdf is PDF: convert it") for k in range(10)]
    found = answers.failures([alike[0], READ, FAILED, *others, *alike[1:]])
    assert found == [
        "x/0.pdf is PDF: convert it (10 more of x alike; --json or --csv lists all)",
        FAILED.error,
        *(one.error for one in others),
    ]


def test_only_the_first_pictures_are_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "DRAWN", 2)
    drawn = np.full((40, 40), 255, np.uint8)
    drawn[8:32, 18:22] = 0
    every = [answer(tmp_path / "none.png", error="x")]
    for name in "abc":
        Image.fromarray(drawn).save(tmp_path / f"{name}.png")
        every.append(answer(tmp_path / f"{name}.png", READ.readings))
    heights = []
    for some in (every[:2], every[:3], every):
        answers.draw(tmp_path / "out.png", some, Form.of({}))
        with Image.open(tmp_path / "out.png") as figure:
            heights.append(figure.height)
    assert heights[0] < heights[1] == heights[2]


def test_the_bar_leaves_stdout_alone():
    code = (
        "from mnist_aug import terminal\n"
        "with terminal.progress('reading', 2, to_stderr=True) as bar:\n"
        "    for k in range(2):\n"
        "        print('line', k)\n"
        "        bar.reached(k + 1)\n"
    )
    ours, theirs = pty.openpty()
    process = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    shown = os.read(ours, 10_000)
    os.close(ours)
    assert process.stdout == b"line 0\nline 1\n"
    assert b"reading" in shown
    assert b"line" not in shown


def test_heic_is_read_where_its_package_is_installed(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    pixels = np.full((32, 48, 3), (200, 40, 90), np.uint8)
    path = tmp_path / "a.heic"
    pillow_heif.from_bytes("RGB", (48, 32), pixels.tobytes()).save(path)
    pictures.refuse(path, heic.formats())
    assert np.abs(read(path, in_colour=True) - pixels.astype(float)).max() < 12
