"""The same command gives the same weights, predictions and tables on every x86-64 with AVX2.

Other processors are stood in for by what takes instructions away from this one: masks of NumPy,
OpenBLAS, OpenCV, oneDNN, glibc and XLA. None of them hides an instruction from all libraries, or
changes the size of a cache, so the digests below were also had on a Haswell that QEMU emulates,
with 48 KiB of first-level cache. They hold for TensorFlow's version in the lock.
"""

import json
import os
import platform
import subprocess
import sys
import warnings
from importlib import metadata

import pytest
import short_run
from conftest import PATIENCE, PROJECT

from mnist_aug import backend

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from numpy._core import _multiarray_umath as numpy_core

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64") or backend.unpinned_processor() is not None,
    reason="needs x86-64 with AVX2",
)
DIGESTS = {
    "baseline": {
        "weights": "797b30992c52c1c8694aa7610eff9997432ad96d124722846945a1713cc6f8cf",
        "predictions": "e27a8ff6c560db7d677ce93ab30e8e97cb395b37e33a9ddec4159dbb09a6a9b1",
        "tables": "63cfcaac2dcc154c1866d305aa7a0896769e98280b667e670066b305cdd8ed31",
    },
    "augmented": {
        "weights": "5b2e024c0e30f0340f8b13924b088d4d7dd4701edac45662d55f83764ed381b9",
        "predictions": "59b23bda140f01757f71c025343c9303490105b9f5c9eb62a1ebbd0571cbbf66",
        "tables": "95d2a8cda3cd8fe15508940c0b91b6e03f08f17aaafe0ee3402a55e5be1fd3c3",
    },
}
SETS = ("test", "corruption/fog")

NUMPY = [name for name in numpy_core.__cpu_dispatch__ if numpy_core.__cpu_features__.get(name)]
NO_AVX512 = "-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-AVX512CD"
MASKS = {
    "NumPy": {"NPY_DISABLE_CPU_FEATURES": " ".join(NUMPY)},
    **{
        f"OpenBLAS for {core}": {"OPENBLAS_CORETYPE": core}
        for core in ("SkylakeX", "Haswell", "Zen", "Sandybridge", "Prescott")
    },
    "OpenCV": {"OPENCV_CPU_DISABLE": "AVX512-SKX,AVX512-ICL"},
    "oneDNN to AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "oneDNN to SSE4.1": {"ONEDNN_MAX_CPU_ISA": "SSE41"},
    "oneDNN unused": {"TF_ENABLE_ONEDNN_OPTS": "0"},
    "glibc without AVX-512": {"GLIBC_TUNABLES": f"glibc.cpu.hwcaps={NO_AVX512}"},
    "glibc without AVX2 and FMA": {
        "GLIBC_TUNABLES": f"glibc.cpu.hwcaps={NO_AVX512},-AVX2,-FMA,-FMA4"
    },
    "flags of the user's for XLA": {"XLA_FLAGS": "--xla_dump_hlo_as_text=false"},
}
ALL = {name: value for mask in MASKS.values() for name, value in mask.items()} | {
    "OPENBLAS_CORETYPE": "Prescott"
}


def masked_run(folder, processes=1, variant="baseline", sets=SETS, **environment):
    process = subprocess.run(
        [
            sys.executable,
            PROJECT / "tests" / "short_run.py",
            folder,
            str(processes),
            variant,
            *sets,
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | {"PYTHONPATH": str(PROJECT)} | environment,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def check(found, variant):
    assert found["pinned"]
    if metadata.version("tensorflow").startswith("2.21."):
        assert {name: found[name] for name in DIGESTS[variant]} == DIGESTS[variant]


def test_in_this_process(tmp_path, capsys):
    assert backend.start_tensorflow(one_thread=True)
    short_run.main(tmp_path, 1, "augmented", *SETS)
    check(json.loads(capsys.readouterr().out.splitlines()[-1]), "augmented")


@pytest.mark.torture
def test_with_all_masks_at_once_and_one_process(tmp_path):
    check(masked_run(tmp_path, variant="augmented", **ALL), "augmented")


@pytest.mark.torture  # test_pools.py has two processes, and the test above the digests
def test_without_masks_in_two_processes(tmp_path):
    check(masked_run(tmp_path, processes=2), "baseline")


@pytest.mark.torture
@pytest.mark.parametrize("variant", DIGESTS)
@pytest.mark.parametrize("mask", MASKS)
def test_with_each_mask(mask, variant, tmp_path):
    check(masked_run(tmp_path, variant=variant, **MASKS[mask]), variant)


@pytest.mark.torture
def test_all_evaluation_sets(tmp_path):
    plain = masked_run(tmp_path / "plain", sets=["all"])
    assert masked_run(tmp_path / "masked", sets=["all"], **ALL) == plain


STARTED = """
import json, os, sys
{before}
from mnist_aug import backend
backend.start_tensorflow(one_thread=True)
print(json.dumps([backend.is_pinned(), {{name: os.environ.get(name) for name in backend.PINS}}]))
"""
USED = "import tensorflow as tf; tf.function(lambda x: x @ x, jit_compile=True)(tf.ones((9, 9)))"


@pytest.mark.parametrize(
    ("before", "environment", "pinned"),
    [
        pytest.param(
            "import keras",
            {"XLA_FLAGS": "--xla_dump_hlo_as_text=false"},
            True,
            marks=pytest.mark.torture,
            id="flags of another kind",
        ),
        pytest.param(  # the user's word is the last
            "",
            {"XLA_FLAGS": "--xla_cpu_max_isa=AVX"},
            False,
            marks=pytest.mark.torture,
            id="flags against it",
        ),
        pytest.param(USED, {}, False, marks=pytest.mark.torture, id="used before"),
    ],
)
def test_a_process_knows_whether_it_is_pinned(before, environment, pinned):
    process = subprocess.run(
        [sys.executable, "-c", STARTED.format(before=before)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )
    assert process.returncode == 0, process.stderr
    said, left = json.loads(process.stdout.splitlines()[-1])
    assert said == pinned
    assert left == {name: environment.get(name) for name in backend.PINS}


def test_a_process_is_pinned_by_what_it_computes(monkeypatch):
    before = [os.environ.get(name) for name in backend.PINS]
    assert backend.start_tensorflow(one_thread=True)
    assert backend.is_pinned()
    assert [os.environ.get(name) for name in backend.PINS] == before
    monkeypatch.setattr(backend, "PINNED", "of other sums")
    assert not backend.is_pinned()


def test_a_processor_without_avx2_is_told(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert "aarch64" in backend.unpinned_processor()
