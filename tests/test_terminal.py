"""What commands say while they work: in a log, and on a terminal in test_training.py."""

import re

import pytest

from mnist_aug import terminal
from mnist_aug.terminal import Pace, duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (599.7, "10 min"),
        (3570, "1 h 0 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_a_time_in_words(seconds, words):
    assert duration(seconds) == words


def test_the_time_left_goes_by_the_work_alone_and_not_by_what_comes_before():
    pace = Pace(10)
    pace.reached(0, 0)
    assert pace.left(29) is None
    pace.reached(2, 30)  # TensorFlow took its time
    assert pace.left(30.5) is None
    pace.reached(4, 34)
    assert pace.left(34) == 12  # 2 s each
    assert pace.left(37) == 9  # it goes on between two parts
    assert pace.left(60) == 0
    pace.reached(10, 61)
    assert pace.left(61) == 0


def test_a_long_part_is_no_reason_to_say_nothing():
    pace = Pace(3)
    pace.reached(1, 100)
    pace.reached(2, 4000)
    assert pace.left(4000) == 3900


@pytest.fixture
def clock(monkeypatch):
    """The time that commands see, which tests set."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr("mnist_aug.terminal.time.monotonic", lambda: Clock.now)
    return Clock


def test_a_log_has_a_line_at_once_then_one_a_run_with_the_time_left(clock, capsys):
    with terminal.progress("training 4 runs", 4) as bar:
        for step in range(1, 41):
            clock.now += 10
            bar.reached(step / 10)
            if step % 10 == 0:
                bar.say(f"run {step // 10}")
    assert capsys.readouterr().out.splitlines() == [
        "training 4 runs (5 %), 6 min 20 s left",
        *("training 4 runs (22 %), 5 min 10 s left", "run 1; 5 min 0 s left"),
        *("training 4 runs (42 %), 3 min 50 s left", "run 2; 3 min 20 s left"),
        *("training 4 runs (68 %), 2 min 10 s left", "run 3; 1 min 40 s left"),
        *("training 4 runs (92 %), 30 s left", "run 4"),
    ]


def test_short_work_has_no_line_of_its_own_in_a_log(clock, capsys):
    with terminal.progress("training", 4) as bar:
        for step in range(1, 5):
            clock.now += 2
            bar.reached(step)
    assert capsys.readouterr().out == ""


def test_stderr_gets_nothing_in_a_log(clock, capsys):
    with terminal.progress("reading", 100, to_stderr=True) as bar:
        for step in range(100):
            clock.now += 10
            bar.reached(step)
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_a_terminal_says_how_long_it_works_and_then_how_long_is_left(
    clock, monkeypatch, capsys
):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    with terminal.progress("training 2 runs", 2) as bar:
        clock.now += 7
        bar.reached(0)
        assert bar.status() == "0 %, 7 s so far"
        bar.reached(0.5)
        clock.now += 20
        bar.reached(1)
        assert bar.status() == "50 %, 40 s left"
        bar.say("a line")
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().out)
    assert "a line\n" in text.replace("\r", "\n").replace("\n\n", "\n")
    assert "50 %, 40 s left" in text
