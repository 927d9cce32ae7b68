"""Training: the runs of a variant that are missing or out of date, one after the other."""

import hashlib
import signal
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path

from mnist_aug import arguments, run
from mnist_aug.dataset import Dataset
from mnist_aug.variant import Variant


def train(variant: Variant, seeds: Iterable[int], dataset: Dataset, results: Path) -> None:
    """Train a variant once for each seed whose run is not on disk as asked.

    A run is whole or absent: it is written beside its place and renamed at its end. Runs that
    agree with what is asked are left untouched.

    Raises:
        UserError: the policy or the dataset is unfit, a run on disk is of another dataset, or the
            results can't be written.
    """
    todo = {}
    for seed in seeds:
        wanted = run.asked(variant, seed, dataset)
        reason = run.disagreement(run.folder(results, variant.name, seed), wanted)
        if reason:
            todo[seed] = (wanted, reason)
    if not todo:
        print(f"{variant.name}: all runs are up to date")
        return
    # TensorFlow takes seconds to start, so only when there is something to train.
    arguments.import_tensorflow_quietly()
    from keras.callbacks import LambdaCallback

    from mnist_aug.trainer import Trainer

    with _ctrl_c_heeded() as stop_if_pressed:
        trainer = Trainer(variant, dataset)
        for seed, (wanted, reason) in todo.items():
            print(f"{variant.name}, seed {seed:02d}: training ({reason})", flush=True)
            _train_run(trainer, wanted, run.folder(results, variant.name, seed),
                       LambdaCallback(on_train_batch_end=stop_if_pressed))
            stop_if_pressed()


@contextmanager
def _ctrl_c_heeded():
    """Remember Ctrl-C; gives a function that raises KeyboardInterrupt once it has been pressed.

    Python raises it wherever it happens to be. Within TensorFlow that may be dropped (where an
    object is being deleted), turned into another error, or end in a crash. A second Ctrl-C raises
    it all the same.
    """
    pressed = threading.Event()

    def handler(number, frame):
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    def stop_if_pressed(batch=None, logs=None):  # a Keras callback, too
        if pressed.is_set():
            raise KeyboardInterrupt

    ours = (threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler)
    if ours:  # not in a thread, which gets no signals, nor where the caller handles or ignores them
        signal.signal(signal.SIGINT, handler)
    try:
        yield stop_if_pressed
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _train_run(trainer, wanted: dict, target: Path, callback) -> None:
    started = run.now()
    with run.written(target) as temporary:
        temporary.mkdir()  # before the training, so that a folder that can't be written costs none
        clock = time.perf_counter()
        trained, history = trainer.fit(wanted["seed"], callbacks=[callback],
                                       verbose=1 if sys.stdout.isatty() else 2)
        seconds = time.perf_counter() - clock
        digest = hashlib.sha256()
        for weights in trained.get_weights():
            digest.update(weights.tobytes())
        trained.save(temporary / run.MODEL)
        history.to_csv(temporary / run.HISTORY)
        run.write_json(temporary / run.MANIFEST, wanted | {
            "parameters": trained.count_params(),
            "weights_sha256": digest.hexdigest(),
            "seconds": round(seconds, 3),
            "images_per_second": round(len(trainer.train[0]) * len(history) / seconds),
            "started": started,
        } | run.environment())
