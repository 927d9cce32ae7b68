"""TensorFlow, started quietly, on the processor and with the threads that are wanted."""

import os
import sys
import tempfile

DEVICE = "DEVICE"  # environment variable: gpu lets TensorFlow use one; else the CPU


def on_gpu() -> bool:
    """Whether a GPU may be used."""
    return os.environ.get(DEVICE, "").lower() == "gpu"


def start_tensorflow(one_thread: bool = False) -> bool:
    """Import TensorFlow without its start-up notes, which no log level of its own silences.

    GPUs stay untouched unless `DEVICE=gpu`: the networks are small, and runs in parallel
    on the cores are what the times and the repeatable bytes are about.

    Args:
        one_thread: let it use one thread for an operation.

    Returns:
        Whether it does; that can't be changed once TensorFlow has started.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    with tempfile.TemporaryFile() as notes:
        stderr = os.dup(2)
        os.dup2(notes.fileno(), 2)
        try:
            import tensorflow as tf

            tf.get_logger().setLevel("ERROR")
            if on_gpu():
                for gpu in tf.config.list_physical_devices("GPU"):
                    tf.config.experimental.set_memory_growth(gpu, True)
            else:
                tf.config.set_visible_devices([], "GPU")
            if one_thread:
                tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.list_logical_devices()
        except RuntimeError:
            return not one_thread
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
    return True
