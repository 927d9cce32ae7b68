"""What the benchmark's times say."""

import pandas as pd

PACKAGE = "mnist_aug"  # what other libraries are compared with


def by_method(times: pd.DataFrame) -> pd.DataFrame:
    """Time of each method, and relative to that of its reference.

    Args:
        times: a row for each measurement: benchmark, method, against, repeat, images, seconds,
            and draws where libraries are measured.

    Returns:
        benchmark, method, against, repeats; us_per_image, the median in microseconds, and
        images_per_second; us_least and us_most; relative_time, the median over repeats of the
        method's time for an image over that of its reference, relative_least and relative_most;
        seconds, the median of a measurement, seconds_least and seconds_most; draws where it is
        there.
    """
    draws = {"draws": ("draws", "first")} if "draws" in times else {}
    times = times.assign(time=1e6 * times["seconds"] / times["images"])
    reference = times[["benchmark", "method", "repeat", "time"]].rename(
        columns={"method": "against", "time": "reference"}
    )
    times = times.merge(reference, on=["benchmark", "against", "repeat"], how="left")
    times["relative"] = times["time"] / times["reference"]
    frame = times.groupby(["benchmark", "method"], sort=False, as_index=False).agg(
        against=("against", "first"),
        repeats=("repeat", "size"),
        us_per_image=("time", "median"),
        us_least=("time", "min"),
        us_most=("time", "max"),
        relative_time=("relative", "median"),
        relative_least=("relative", "min"),
        relative_most=("relative", "max"),
        seconds=("seconds", "median"),
        seconds_least=("seconds", "min"),
        seconds_most=("seconds", "max"),
        **draws,
    )
    frame.insert(5, "images_per_second", 1e6 / frame["us_per_image"])
    return frame


def training(times: pd.DataFrame) -> pd.DataFrame:
    """The rows of training by each library; none of before it was compared so."""
    return _epochs(times)[lambda rows: rows["against"] == PACKAGE]


def epochs(times: pd.DataFrame) -> pd.DataFrame:
    """The rows that are neither of `training` nor of `libraries`."""
    return _epochs(times)[lambda rows: rows["against"] != PACKAGE]


def libraries(times: pd.DataFrame) -> pd.DataFrame:
    """The rows of augmentation by each library, none of before these were measured so."""
    return times[times["draws"].notna()] if "draws" in times else times[:0]


def _epochs(times: pd.DataFrame) -> pd.DataFrame:
    return times[times["draws"].isna()] if "draws" in times else times
