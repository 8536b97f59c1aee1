"""The settings of `ganinv invert`."""

from dataclasses import dataclass
from typing import Literal

from ganinv_cli.settings.config import Config, ImagesConfig, declare_stationary
from ganinv_cli.settings.declare import declare


@dataclass(frozen=True)
class InvertConfig(ImagesConfig):
    """The settings of `ganinv invert`."""

    checkpoint: str = declare(
        Config.checkpoint,
        help="Generator: a file, a folder, a prefix of files, or the name of one that ships. "
        "Repeat it to ask which of several generators made the image.",
        repeated=True,
    )
    trials: int = declare(  # type: ignore[assignment]  # a number once the labels are known
        None,
        help="Number of starts for each image. The best start is kept. If others find the same z, "
        "the result is more certain.",
        names=("--starts", "--trials"),
        synonym="starts",
    )
    image: tuple[str, ...] = declare((), argument="IMAGE...")
    # the best z counts, not how many minima there are
    stationary: float = declare_stationary(1e-3)
    align: Literal["auto", "none"] = declare(
        "auto",
        help="Whether to fit a shift, a scale and new colours of an image that the generator does "
        "not make as it is: auto or none.",
    )

    @property
    def aligns(self) -> bool:
        return self.align == "auto"
