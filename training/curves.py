"""Live curves of a training for TensorBoard: event files in the run's folder.

Written with tensorboardX, which needs nothing but NumPy and protobuf, both here already. The
writers that come with TensorFlow and with TensorBoard itself load TensorFlow, which a training on
another back end (KERAS_BACKEND=jax) would carry beside its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
from tensorboardX import SummaryWriter

FOLDER = "curves"
FLUSH_SECONDS = 5
# Losses of single steps are noise: a point is the mean of so many.
STEPS_A_POINT = 10


class Curves:
    """Scalars over the number of images that the run has learnt from.

    `images` is how many those are at the start. What a killed run wrote of an epoch that is
    trained anew is not shown.
    """

    def __init__(self, run: Path, images: int) -> None:
        purge = images + 1 if images else None
        self._writer = SummaryWriter(str(run / FOLDER), purge_step=purge, flush_secs=FLUSH_SECONDS)
        self._images = images
        self._losses: list[float] = []

    def step(self, images: int, loss: float, rate: float) -> None:
        """One step of training on so many images."""
        self._images += images
        self._losses.append(loss)
        if len(self._losses) == STEPS_A_POINT:
            self._add("training/loss", float(np.mean(self._losses)))
            self._add("training/learning_rate", rate)
            self._losses.clear()

    def epoch(self, row: Mapping[str, float | None]) -> None:
        """What the log says of the epoch that these steps were; in the file after some seconds."""
        self._add("training/loss_of_epoch", row["loss"])
        self._add("training/images_per_second", row["images_per_s"])
        self._add("validation/Dice", row["dice"])
        self._add("validation/silent_where_empty", row["silent"])
        self._losses.clear()

    def _add(self, name: str, value: float | None) -> None:
        if value is not None:
            self._writer.add_scalar(name, value, self._images)

    def __enter__(self) -> Curves:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()
