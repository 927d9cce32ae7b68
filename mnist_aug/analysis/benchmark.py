"""What the benchmark's times say."""

import pandas as pd


def by_method(times: pd.DataFrame) -> pd.DataFrame:
    """Time for each image of each method, and how many times faster it is than its reference.

    Args:
        times: a row for each measurement: benchmark, method, against, repeat, images, seconds,
            and draws where libraries are measured.

    Returns:
        benchmark, method, against, repeats; us_per_image, the median in microseconds, and
        images_per_second; us_least and us_most; ratio, the median over repeats of the time of the
        reference over the method's own, ratio_least and ratio_most; draws where it is there.
    """
    draws = {"draws": ("draws", "first")} if "draws" in times else {}
    times = times.assign(time=1e6 * times["seconds"] / times["images"])
    reference = times[["benchmark", "method", "repeat", "time"]].rename(
        columns={"method": "against", "time": "reference"}
    )
    times = times.merge(reference, on=["benchmark", "against", "repeat"], how="left")
    times["ratio"] = times["reference"] / times["time"]
    frame = times.groupby(["benchmark", "method"], sort=False, as_index=False).agg(
        against=("against", "first"),
        repeats=("repeat", "size"),
        us_per_image=("time", "median"),
        us_least=("time", "min"),
        us_most=("time", "max"),
        ratio=("ratio", "median"),
        ratio_least=("ratio", "min"),
        ratio_most=("ratio", "max"),
        **draws,
    )
    frame.insert(5, "images_per_second", 1e6 / frame["us_per_image"])
    return frame


def epochs(times: pd.DataFrame) -> pd.DataFrame:
    """The rows that aren't of `libraries`."""
    return times[times["draws"].isna()] if "draws" in times else times


def libraries(times: pd.DataFrame) -> pd.DataFrame:
    """The rows of augmentation by each library, none of before these were measured so."""
    return times[times["draws"].notna()] if "draws" in times else times[:0]
