"""What is kept and reported of a training, epoch by epoch."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from torch.utils.tensorboard import SummaryWriter

from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.progress import Progress


@dataclass
class EpochReport:
    """Keeps the history of a training on the disk, epoch by epoch, and reports it.

    Attributes
    ----------
    path : Path
        Beginning of the files' names: <path>_{train,valid,eval}.npy, <path>.csv, <path>_tensorboard/.
    progress : Progress or None
        Where it is shown; None until a process of several makes its own.
    tensorboard : SummaryWriter or None
        Made with the first epoch, in the process that reports.
    """

    path: Path
    progress: Progress | None
    tensorboard: SummaryWriter | None = None

    def __call__(self, history: dict[str, list[float]]) -> None:
        """Write all losses until now, and report the last epoch's."""
        for split, losses in history.items():
            with atomic_path(self.path.with_name(f"{self.path.name}_{split}.npy")) as temporary:
                np.save(temporary, np.array(losses))
        with atomic_path(self.path.with_name(f"{self.path.name}.csv")) as temporary:
            pd.DataFrame(history, index=pd.RangeIndex(1, len(history["train"]) + 1, name="epoch")).to_csv(
                temporary
            )
        last = {split: losses[-1] for split, losses in history.items()}
        epoch = len(history["train"])
        if self.tensorboard is None:
            folder = self.path.with_name(f"{self.path.name}_tensorboard")
            # of a run before this one, this epoch and later ones are void
            self.tensorboard = SummaryWriter(folder, purge_step=epoch)
        for split, loss in last.items():
            self.tensorboard.add_scalar(f"loss/{split}", loss, epoch)
        self.tensorboard.flush()
        if self.progress is not None:
            self.progress.advance(", ".join(f"{split} {loss:.5g}" for split, loss in last.items()))

    def close(self) -> None:
        """Close TensorBoard's file."""
        if self.tensorboard:
            self.tensorboard.close()
