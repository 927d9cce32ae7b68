"""Checkpoints: the history of an unfinished run, and all that is needed to go on with it."""

from __future__ import annotations

import hashlib
import io
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from mnist_aug.results import files
from mnist_aug.train.models import BlockTrainer, state

SAVE_SECONDS = 30  # between two checkpoints of a run: saving takes well under 1 % of the time
HISTORY = [
    f"{part}{name}" for part in ("", "val_") for name in ("loss", "accuracy", "cross_entropy")
]


class Checkpoint(keras.callbacks.Callback):
    """Keeps a run's history and, every `SAVE_SECONDS`, saves the run; goes on from what it finds.

    A run's time leaves out what its process compiles on the way, which happens once however many
    runs it trains.

    A file is an uncompressed .npz, as compressing takes longer than epochs do, and the SHA-256 of
    it. One that was damaged is not used: the run starts anew.
    """

    def __init__(
        self, blocks: BlockTrainer, path: Path | None, clock: float, compiles: bool = False
    ) -> None:
        super().__init__()
        self._blocks, self._path = blocks, path
        self._rows: list[dict[str, float]] = []
        self._compiles, self._took = compiles, list[float]()  # epochs of this part, in seconds
        self._began = clock
        self._clock = clock  # when the run began, or would have without a pause
        self._saved = time.perf_counter()
        if path is not None and path.exists():
            self._restore(path)

    @property
    def epochs(self) -> int:
        """How many are done."""
        return len(self._rows)

    @property
    def seconds(self) -> float:
        """That training has taken so far, in all parts of the run, without compiling."""
        return time.perf_counter() - self._clock - self.compiling

    @property
    def compiling(self) -> float:
        """Seconds that compiling took: by how much the first epoch was longer than the second.

        0 where that was done before, and after a single epoch, of which nobody knows.
        """
        if not self._compiles or len(self._took) < 2:
            return 0.0
        return max(0.0, self._took[0] - self._took[1])

    def history(self) -> pd.DataFrame:
        """Indexed by epoch, from 1: loss, accuracy and, where held out, val_loss, val_accuracy.

        Where a model has regularizers, cross_entropy and val_cross_entropy are without penalties.
        """
        table = pd.DataFrame(self._rows, index=range(1, len(self._rows) + 1))
        return table.rename_axis("epoch")[[name for name in HISTORY if name in table]]

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._took.append(time.perf_counter() - self._began)
        self._rows.append({name: float(value) for name, value in (logs or {}).items()})
        if self._path is not None and time.perf_counter() - self._saved >= SAVE_SECONDS:
            self._save(self._path)
            self._saved = time.perf_counter()

    def _save(self, path: Path) -> None:
        arrays: dict[str, Any] = {
            f"model_{i}": value for i, value in enumerate(state(self._blocks))
        }
        arrays |= {
            f"optimizer_{i}": v.numpy() for i, v in enumerate(self._blocks.optimizer.variables)
        }
        arrays |= {
            f"history_{name}": np.array([row[name] for row in self._rows]) for name in self._rows[0]
        } | {"seconds": np.array(self.seconds)}
        file = io.BytesIO()
        np.savez(file, **arrays)
        with files.written(path) as temporary:
            temporary.write_bytes(file.getvalue() + hashlib.sha256(file.getvalue()).digest())

    def _restore(self, path: Path) -> None:
        try:
            held = path.read_bytes()
        except OSError:
            return
        content, own = held[:-32], held[-32:]
        if hashlib.sha256(content).digest() != own:
            return
        arrays = files.arrays(content)
        self._clock -= float(arrays["seconds"])
        names = [name for name in arrays if name.startswith("history_")]
        self._rows = [
            {name.removeprefix("history_"): float(arrays[name][epoch]) for name in names}
            for epoch in range(len(arrays[names[0]]))
        ]
        model, optimizer = (
            [arrays[f"{part}{i}"] for i in range(sum(name.startswith(part) for name in arrays))]
            for part in ("model_", "optimizer_")
        )
        self._blocks.restore(model, optimizer)
