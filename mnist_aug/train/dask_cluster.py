"""Workers on a Dask cluster (Rocklin 2015, "Dask: parallel computation with blocked algorithms").

Needs the extra `cluster`. docs/scaling.md shows how to start one, on Slurm and Kubernetes too.
"""

import gc
import logging
import pickle
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import Any

from mnist_aug.data.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.train.jobs import KEPT, add

try:
    from distributed import Client, KilledWorker, WorkerPlugin
except ImportError:
    raise UserError('SCHEDULER= (--scheduler) needs Dask: pip install ".[cluster]"') from None

LOST_SECONDS = 10  # without the scheduler, until it is given up


class _Data(WorkerPlugin):
    """Brings the dataset to every worker once, those that come later included."""

    idempotent = True  # and is kept for further commands

    def __init__(self, dataset: Dataset):
        self.name = f"mnist-aug-dataset-{dataset.sha256[:12]}"
        self.packed = zlib.compress(pickle.dumps(dataset), 1)

    def setup(self, worker: Any) -> None:
        add(pickle.loads(zlib.decompress(self.packed)))


@contextmanager
def connected(dataset: Dataset, address: str) -> Iterator[tuple[Callable, Callable, Callable]]:
    """What `pools.Pool` takes: to submit, to know the slots, and to check the connection.

    There are twice as many slots as workers, so that none waits for its next run and an adaptive
    cluster sees that there is more to do. A run whose worker is lost is trained by another.

    Raises:
        UserError: the scheduler can't be reached or is lost, or workers are unfit.
    """
    for name in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # the errors raised here say the same
    reason = None
    try:
        client = Client(address, timeout=LOST_SECONDS, set_as_default=False)
    except Exception as error:  # what Dask raises for a wrong address varies
        reason = str(error)
    if reason is not None:
        gc.collect()  # closes the client that failed; later, in another thread, it could lock up
        raise UserError(
            f"no Dask scheduler answers at {address} ({reason}): start one with `dask "
            "scheduler`, or correct SCHEDULER= (--scheduler)"
        )
    gone = UserError(f"the Dask scheduler at {address} is gone: {KEPT}")
    lost = None

    def slots() -> int:
        with suppress(OSError):
            return max(2, 2 * sum(client.nthreads().values()))
        return 2

    def check() -> None:
        nonlocal lost
        lost = None if client.status == "running" else lost or time.monotonic()
        if client.status == "closed" or (lost and time.monotonic() - lost > LOST_SECONDS):
            raise gone

    try:
        if any(threads > 1 for threads in client.nthreads().values()):
            raise UserError(
                f"a Dask worker at {address} has several threads, and a run takes a "
                "process: start workers with `dask worker --nworkers N --nthreads 1`"
            )
        client.register_plugin(_Data(dataset))
        if not client.nthreads():
            print(f"no Dask worker at {address} yet: waiting for one", flush=True)
        executor = client.get_executor(pure=False)
        yield executor.submit, slots, check
    except KilledWorker as error:
        raise UserError(
            f"a run ended several Dask workers ({error.last_worker.address} the last), "
            f"perhaps for want of memory: {KEPT}"
        ) from None
    except (CancelledError, OSError):
        raise gone from None
    finally:
        client.close(timeout=1)
