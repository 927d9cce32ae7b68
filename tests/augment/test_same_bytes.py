"""The same bytes on every processor: libraries are told to use the instructions of others."""

import hashlib
import json
import os
import platform
import subprocess
import sys
import warnings
from pathlib import Path

import cv2
import every_policy
import numpy as np
import pytest

PROJECT = Path(__file__).parents[2]
# Of all policies' uint8 images. It changes only with what the engine computes: on any machine.
EXPECTED = "083495c79d96b5ab5ffd75c1f87b3552dbf8eab2a3291b67eb7c5a66eded6ad9"

CORES = ("Prescott", "Sandybridge", "Haswell", "Zen", "SkylakeX")


def masks(core="Prescott", threads=1):
    """Environment variables for a processor with next to none of this one's extensions."""
    from numpy._core import _multiarray_umath as numpy_core

    fewer = cv2.getCPUFeaturesLine().replace("?", "").split()
    return {
        "NPY_DISABLE_CPU_FEATURES": " ".join(numpy_core.__cpu_dispatch__),
        "OPENCV_CPU_DISABLE": ",".join(name[1:] for name in fewer if name.startswith("*")),
        "OPENCV_IPP": "sse42",  # Intel's library in OpenCV
        "JSIMD_FORCENONE": "1",  # the JPEG library in it
        "OPENBLAS_CORETYPE": core,
        "OPENBLAS_NUM_THREADS": str(threads),
        "OMP_NUM_THREADS": str(threads),
        "OPENCV_FOR_THREADS_NUM": str(threads),
        "NUMBA_NUM_THREADS": str(threads),
        # The C library's own variants of sines, logarithms and copies.
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2_Usable,-AVX512F_Usable,-FMA_Usable,-AVX_Usable,"
        "-AVX2,-AVX512F,-FMA,-AVX",
    }


def plain_processor(cache):
    """The code that numba compiles for any x86-64, or the machine's plainest kind."""
    return {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(cache)}


def digests_under(environment, dtype="uint8", which="all"):
    run = subprocess.run(
        [sys.executable, PROJECT / "tests" / "every_policy.py", dtype, which],
        env={
            **os.environ,
            **environment,
            "PYTHONPATH": f"{PROJECT}{os.pathsep}{PROJECT / 'tests'}",
        },
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def differing(found, expected):
    assert found.keys() == expected.keys()
    return [name for name in found if found[name] != expected[name]]


@pytest.fixture(scope="module")
def here():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return every_policy.digests(np.dtype("uint8"))


@pytest.fixture(scope="module")
def floats():
    return digests_under({}, "float32")


def test_the_hash_is_that_of_every_machine(here):
    assert "refused" not in {here[name] for name in here if name.startswith(("default", "wide"))}
    whole = hashlib.sha256("".join(here.values()).encode()).hexdigest()
    assert whole == EXPECTED, json.dumps(here, indent=1)


def test_every_vectorised_transform_is_among_the_policies(here):
    from mnist_aug.augment.engine import geometry, pixels, sizes

    names = {name.split(" (")[0].split()[-1] for name, value in here.items() if value != "refused"}
    vectorised = {*geometry.TRANSFORMS, *pixels.TRANSFORMS, *sizes.TRANSFORMS}
    assert {t.__name__ for t in vectorised} <= names


def test_without_this_processors_extensions(here):
    """Of the default policies; all are tested below."""
    found = digests_under(masks(), which="default")
    assert differing(found, {name: here[name] for name in found}) == []


@pytest.mark.torture
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("core", CORES)
def test_every_core_and_number_of_threads(core, threads, here, floats):
    assert differing(digests_under(masks(core, threads)), here) == []
    assert differing(digests_under(masks(core, threads), "float32"), floats) == []


@pytest.mark.torture
def test_what_runs_image_by_image():
    """As docs/engine.md says, these depend on the processor."""
    different = differing(digests_under(masks(), which="others"), digests_under({}, which="others"))
    names = {name.split()[0] for name in different}
    page = " ".join((PROJECT / "docs" / "engine.md").read_text().split())
    said = page.partition("Of the transforms that run image by image, ")[2].partition(" gave other")
    assert names == {name.strip("`") for name in said[0].replace(" and ", ", ").split(", ")}


@pytest.mark.torture
def test_everything_compiled_for_a_plain_processor(here, floats, tmp_path):
    environment = {**masks(), **plain_processor(tmp_path)}
    assert differing(digests_under(environment), here) == []
    assert differing(digests_under(environment, "float32"), floats) == []


def test_a_mask_can_show():
    """The comparison itself: sums by BLAS do differ where its processor is another."""
    if platform.machine() != "x86_64":
        pytest.skip("these names of cores are x86-64's")
    program = (
        "import hashlib, numpy as np; a = np.random.default_rng(0).random((200, 200));"
        "print(hashlib.sha256((a @ a).tobytes()).hexdigest())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "OPENBLAS_CORETYPE": core},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for core in ("Prescott", "Haswell")
    ]
    assert runs[0] != runs[1]
