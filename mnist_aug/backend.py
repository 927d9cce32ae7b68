"""TensorFlow, started quietly, on the processor and with the threads and sums that are wanted.

By default TensorFlow takes, where the program runs, whatever instructions its processor has, and
blocks of a size that suits its cache. Both change the order in which float32 numbers are added, and
so the last bits of all weights. `start_tensorflow` holds it to what every x86-64 processor with
AVX2 does alike: `PINS`, and one thread.
"""

import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np

from mnist_aug.errors import UserError

DEVICE = "DEVICE"  # environment variable: gpu lets TensorFlow use one; else the CPU
XLA_FLAGS = "XLA_FLAGS"
# Environment variables, for x86-64. XLA's vectors are AVX2's, and matrices are multiplied by Eigen
# as TensorFlow was compiled with it: YNNPACK and oneDNN choose their code by processor and cache.
PINS = {
    XLA_FLAGS: "--xla_cpu_max_isa=AVX2 --xla_cpu_experimental_ynn_fusion_type=",
    "TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL": "false",
}
# SHA-256 of what `_sums` gives with them. It also was that on an emulated Haswell.
PINNED = "5f976d80ab481f886c2d07a67475db77e7667e69b8d065b68024455c48d1fe87"


def on_gpu() -> bool:
    """Whether a GPU is to be used.

    Raises:
        UserError: the environment variable `DEVICE` is neither cpu nor gpu.
    """
    wanted = os.environ.get(DEVICE, "").lower()
    if wanted not in ("", "cpu", "gpu"):
        raise UserError(f"DEVICE is {wanted[:40]!r}: give cpu or gpu")
    return wanted == "gpu"


def start_tensorflow(one_thread: bool = False) -> bool:
    """Import TensorFlow without its start-up notes, which no log level of its own silences.

    GPUs stay untouched unless `DEVICE=gpu`: the networks are small, and runs in parallel
    on the cores are what the times and the repeatable bytes are about. `PINS` are in the
    environment only while it starts; what the user has set of them takes precedence.

    Args:
        one_thread: let it use one thread for an operation.

    Returns:
        Whether it does; that can't be changed once TensorFlow has started.

    Raises:
        UserError: a GPU is wanted and there is none, or `DEVICE` is neither cpu nor gpu.
    """
    gpu_wanted = on_gpu()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with silent_stderr(), _pins():
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        try:
            if gpu_wanted:
                gpus = tf.config.list_physical_devices("GPU")
                if not gpus:
                    raise UserError(
                        "DEVICE is gpu, and TensorFlow finds none here: leave DEVICE out, or "
                        'install what TensorFlow needs for it (pip install "tensorflow[and-cuda]")'
                    )
                for gpu in gpus:  # else one process takes all of its memory
                    tf.config.experimental.set_memory_growth(gpu, True)
            else:
                tf.config.set_visible_devices([], "GPU")
            if one_thread:
                tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.list_logical_devices()
        except RuntimeError:
            return not one_thread
        finally:
            _sums()  # TensorFlow reads the environment when it first computes
    return True


def is_pinned() -> bool:
    """Whether this process computes as every x86-64 processor with AVX2 does, once started.

    It is found by computing, so that it holds whatever the reason may be: another processor,
    another version, a GPU, flags of the user's, several threads, or a program that used TensorFlow
    before it was started here.
    """
    start_tensorflow()
    return _sums() == PINNED


def unpinned_processor() -> str | None:
    """What this processor lacks for the same weights as elsewhere, in words; None if nothing."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return f"is {platform.machine()}, not x86-64"
    try:
        flags = Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split()
    except OSError:  # not Linux; Macs with x86-64 have had AVX2 since 2013
        return None
    return None if not flags or {"avx2", "fma"} <= {*flags} else "has no AVX2"


def device() -> str | None:
    """The name of the GPU that this process computes on, once started; None on a CPU."""
    import tensorflow as tf

    gpus = tf.config.get_visible_devices("GPU")
    if not gpus:
        return None
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "unknown"))


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Standard error of this process leads nowhere, also what is not Python writes to it."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as notes:
        stderr = os.dup(2)
        os.dup2(notes.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


@contextmanager
def _pins() -> Iterator[None]:
    """`PINS` in the environment, for as long as this lasts."""
    before = {name: os.environ.get(name) for name in PINS}
    given = before[XLA_FLAGS] or ""
    if platform.machine() in ("x86_64", "AMD64"):
        if not given or given.lstrip().startswith("--"):  # else it names a file of flags
            os.environ[XLA_FLAGS] = f"{PINS[XLA_FLAGS]} {given}".rstrip()  # the last one counts
        for name in PINS.keys() - {XLA_FLAGS}:
            os.environ.setdefault(name, PINS[name])
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@cache
def _sums() -> str:
    """SHA-256 of sums of each kind in training, whose last bits depend on their order."""
    import tensorflow as tf

    def numbers(*shape: int) -> tf.Tensor:
        count = np.arange(np.prod(shape), dtype=np.int64)
        places = count * 7919 % 10007 - 5003
        return tf.constant((places / 10007).astype(np.float32).reshape(shape))

    @tf.function(jit_compile=True)
    def compute(images: tf.Tensor, first: tf.Tensor, last: tf.Tensor) -> list[tf.Tensor]:
        hidden = images @ first
        scores = hidden @ last
        gradient = tf.matmul(images, hidden, transpose_a=True)
        return [hidden, scores, gradient, tf.matmul(hidden, hidden, True), tf.reduce_sum(last)]

    made = compute(numbers(32, 784), numbers(784, 128), numbers(128, 10))
    return hashlib.sha256(b"".join(one.numpy().tobytes() for one in made)).hexdigest()
