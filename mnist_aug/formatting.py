"""Numbers as text, the same on the terminal and in the report."""

from collections.abc import Callable

import numpy as np
import pandas as pd

MINUS = "\N{MINUS SIGN}"
NO_NUMBER = "not a number"  # what training that diverged leaves; infinity, too


def percent(fraction: float, digits: int = 2) -> str:
    return decimals(100 * fraction, digits)


def decimals(value: float, digits: int) -> str:
    # Means of the same runs that differ in their last bits have the same text.
    return f"{round(value, 9):.{digits}f}" if np.isfinite(value) else NO_NUMBER


def points(fraction: float, digits: int = 2) -> str:
    """A difference of fractions in percentage points, with its sign."""
    if not np.isfinite(fraction):
        return NO_NUMBER
    text = f"{round(100 * fraction, 9):+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", MINUS)


def end(fraction: float) -> str:
    """An end of an interval, as `points` but for a sign where it rounds to 0.

    With a plus it is above 0, so that the interval leaves 0 out, and with a minus below.
    """
    text = points(fraction)
    rounded = text == points(0) and fraction != 0
    return f"{'+' if fraction > 0 else MINUS}{text}" if rounded else text


def span(low: float, high: float, show: Callable[[float], str] = end) -> str:
    return "none" if np.isnan(low) else f"{show(low)} to {show(high)}"


def estimated(mean: float, low: float, high: float, unit: str = "") -> str:
    """A difference and its interval, as in "+0.97 (+0.81 to +1.13)"; the unit follows the first."""
    return f"{points(mean)}{unit} ({span(low, high)})"


def number(value: float, digits: int = 3) -> str:
    """A measure with three significant digits or more, thousands set apart by commas."""
    if not np.isfinite(value):
        return NO_NUMBER
    if value == 0 or abs(value) >= 10**digits:
        return f"{value:,.0f}"
    decimals = max(0, digits - 1 - int(np.floor(np.log10(abs(value)))))
    return f"{value:,.{decimals}f}"


def about(count: int) -> str:
    """A number that was estimated, rounded up to two significant digits, as in "1,300"."""
    step = 10 ** max(0, len(str(count)) - 2)
    return f"{-(-count // step) * step:,}"


def with_sd(frame: pd.DataFrame, part: str, show: Callable[[float], str] = percent) -> pd.Series:
    """Means in column `part` and SDs in `<part>_sd` as text; no SD for a single run."""
    return frame[part].map(show) + frame[f"{part}_sd"].map(
        lambda sd: "" if np.isnan(sd) else f" ± {show(sd)}"
    )


def mean_and_sd(mean: float, sd: float) -> str:
    """Of fractions, in per cent, as in "97.66 ± 0.25"; no SD where it is NaN, as of one run."""
    return percent(mean) + ("" if np.isnan(sd) else f" ± {percent(sd)}")


def counted(count: int, noun: str) -> str:
    """A number of things in words, as in "1 run" and "3 runs"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(names: list[str]) -> str:
    """Names as words: "3", "3 and 5", "3, 5 and 9"."""
    return " and ".join([", ".join(names[:-1]), *names[-1:]]) if len(names) > 1 else "".join(names)


def probability(value: float) -> str:
    """A probability in percent that never claims certainty: "98.8 %", "> 99.9 %", "< 0.1 %"."""
    if not np.isfinite(value):
        return NO_NUMBER
    text = percent(value, 1)
    return {"100.0": "> 99.9 %", "0.0": "< 0.1 %"}.get(text, f"{text} %")
