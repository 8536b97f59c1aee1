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
        "Give several to ask which one made the image.",
        repeated=True,
    )
    trials: int = declare(  # type: ignore[assignment]  # a number once the labels are known
        None,
        help="Number of starts for each image, at most; fewer if two agree on a z that explains "
        "it. The best is kept.",
        names=("--starts", "--trials"),
        synonym="starts",
    )
    image: tuple[str, ...] = declare((), argument="IMAGE...")
    # the best z counts, not how many minima there are
    stationary: float = declare_stationary(1e-2)
    align: Literal["auto", "none"] = declare(
        "auto",
        help="Whether to fit a shift, a scale and new colours of an image that the generator does "
        "not make as it is: auto or none.",
    )

    polish: Literal["float32", "float64"] = declare(
        "float32",
        help="Precision in which z is polished if it explains the image: float64 finds the last "
        "digits of an image of floats.",
    )

    @property
    def polish_precision(self) -> Literal["float32", "float64"]:
        return self.polish

    @property
    def may_weight_loss(self) -> bool:
        return self.mask is None

    @property
    def aligns(self) -> bool:
        return self.align == "auto"
