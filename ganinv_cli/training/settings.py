"""The settings of a training run."""

from dataclasses import dataclass

from ganinv_cli.errors import ConfigError
from ganinv_cli.precision import TrainingDtype


@dataclass(frozen=True)
class TrainingSettings:
    """The settings of a run: by default the paper's DCGAN, with Adam as in Radford et al. 2016."""

    size: int = 64  # height and width in pixels: 16, 32, 64, 128 or 256
    channels: int = 3  # 1 grey, 3 colour
    latent: int = 100  # z is uniform in [-1, 1]^latent
    width: int = 64  # channels before the last layer, doubled at each layer below it
    widest: int = 512
    batch_size: int = 64  # at least 2, which have statistics
    learning_rate: float = 2e-4
    beta_1: float = 0.5
    steps: int = 10_000  # one update of the discriminator and one of the generator per step
    precision: TrainingDtype = "float32"
    augment: tuple[str, ...] = ("colour", "shift")
    flip: bool = True
    average: float = 0.999  # decay of the averaged generator; 0 writes the last weights
    seed: int = 0  # up to 2,000,000: each uses a thousand seeds of TensorFlow, which are int32

    def __post_init__(self) -> None:
        if self.size not in (16, 32, 64, 128, 256):
            raise ConfigError(f"size {self.size} cannot be trained; use 16, 32, 64, 128 or 256")
        if not 0 <= self.average < 1:
            raise ConfigError(
                f"average {self.average} is not a decay; use 0 or more and less than 1"
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of the generator's layers from 4x4 upwards, e.g. 512-256-128-64 at 64 pixels."""
        depth = self.size.bit_length() - 3
        return tuple(min(self.width << number, self.widest) for number in reversed(range(depth)))
