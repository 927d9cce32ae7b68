"""What the benchmark's times say."""

import pandas as pd


def by_method(times: pd.DataFrame) -> pd.DataFrame:
    """Time for each image of each method, and how many times faster it is than its reference.

    Args:
        times: a row for each measurement: benchmark, method, against, repeat, images, seconds.

    Returns:
        benchmark, method, against, repeats; us_per_image, the median in microseconds, and
        images_per_second; us_least and us_most; ratio, the median over repeats of the time of the
        reference over the method's own, ratio_least and ratio_most.
    """
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
    )
    frame.insert(5, "images_per_second", 1e6 / frame["us_per_image"])
    return frame
