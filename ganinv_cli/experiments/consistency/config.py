"""The settings of `ganinv consistency`."""

from dataclasses import dataclass

from ganinv_cli.settings.config import Config, ImagesConfig
from ganinv_cli.settings.declare import declare


@dataclass(frozen=True)
class ConsistencyConfig(ImagesConfig):
    """The settings of `ganinv consistency`."""

    shards_images = False
    counts_minima = True
    default_trials = 100
    reenacts = False  # it compares z alone
    start_costs = (2.0, 12.5)
    trials: int = declare(  # type: ignore[assignment]  # a number once the labels are known
        None,
        help="Recoveries of each image under each rule, from independent starts.",
        shown_default=f"{default_trials}, or one per label if these are more",
    )
    clip: tuple[str, ...] = Config.clip
