"""Pictures kept beside the numbers."""

from dataclasses import dataclass

import h5py
import numpy as np


@dataclass(frozen=True)
class Figure:
    """Rows of pictures, one a panel, with a column for each of some trials."""

    pictures: np.ndarray  # (panels, trials, height, width, channels) uint8
    panels: tuple[str, ...]
    trials: tuple[int, ...]

    def __post_init__(self) -> None:
        ahead = (len(self.panels), len(self.trials))
        if self.pictures.dtype != np.uint8 or self.pictures.ndim != 5:
            raise ValueError("pictures are (panels, trials, height, width, channels) uint8")
        if self.pictures.shape[:2] != ahead:
            raise ValueError(f"{self.pictures.shape[:2]} pictures for {ahead} panels and trials")

    def write(self, group: h5py.Group) -> None:
        """Into an empty group of a results file."""
        group.create_dataset("pictures", data=self.pictures, track_times=False)
        group.attrs["panels"] = list(self.panels)
        group.attrs["trials"] = np.array(self.trials, np.int64)


def read_figure(group: h5py.Group) -> Figure:
    """What `write` wrote."""
    return Figure(
        group["pictures"][()],
        tuple(str(panel) for panel in group.attrs["panels"]),
        tuple(int(trial) for trial in group.attrs["trials"]),
    )
