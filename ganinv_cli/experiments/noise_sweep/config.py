"""The settings of `ganinv noise-sweep`."""

from collections.abc import Iterator
from dataclasses import dataclass

from ganinv_cli.noise import NOISES, Level
from ganinv_cli.settings.config import Config, declare_stationary
from ganinv_cli.settings.declare import INPUT, MAX_NUMBER, declare

LEVELS = {  # by default, of each kind of noise that is not Gaussian; kinds alike come once
    f"{noise.plural} {','.join(map(str, noise.levels))}": noise.levels
    for noise in NOISES.values()
    if noise.setting == "levels"
}


# With fewer rows TensorFlow's matrix products round a row in another way on a CPU. Descent to an
# image with noise ends at kinks, and magnifies rounding up to the error of z.
LEAST_ROWS = 16


@dataclass(frozen=True)
class NoiseSweepConfig(Config):
    """The settings of `ganinv noise-sweep`; `trials` counts those of each level."""

    trials: int = declare(100, help="Latent vectors to recover at each level of noise.")
    noise: str = declare(
        "gaussian",
        help=f"Kind of noise: {', '.join(NOISES)}.",
        group=INPUT,
        choices=tuple(NOISES),
        metavar="KIND",
    )
    variances: tuple[float, ...] = declare(
        NOISES["gaussian"].levels,
        help="Variances of the Gaussian noise, for pixels in [-1, 1]. A variance of 0.1 is a "
        "standard deviation of 40 grey levels of 255.",
        group=INPUT,
        range=(0, MAX_NUMBER),
    )
    levels: tuple[float, ...] = declare(
        (),
        help="Levels of noise that is not Gaussian, e.g. shares of the pixels.",
        group=INPUT,
        range=(0, MAX_NUMBER),
        example=next(iter(LEVELS.values())),
        shown_default="; ".join(LEVELS),
    )
    clip_pixels: bool = declare(
        False,
        help="Whether to clip the noisy image to [-1, 1]. The paper's code clips; its text does "
        "not, nor does ganinv by default.",
        group=INPUT,
        names=("--clip-pixels/--no-clip-pixels",),
    )
    stationary: float = declare_stationary(1e-3)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.noise_levels:
            object.__setattr__(self, "levels", NOISES[self.noise].levels)

    @property
    def noise_levels(self) -> list[Level]:
        """The levels of the kind of noise."""
        noise = NOISES[self.noise]
        return [Level(noise, value) for value in getattr(self, noise.setting)]

    @property
    def least_rows(self) -> int:
        return LEAST_ROWS

    @property
    def may_weight_loss(self) -> bool:
        return NOISES[self.noise].leaves_no_residual or any(
            level.is_clean for level in self.noise_levels
        )

    def _find_faults(self) -> Iterator[str]:
        yield from super()._find_faults()
        noise, values = NOISES[self.noise], [level.value for level in self.noise_levels]
        for name in {"variances", "levels"} - {noise.setting}:
            if getattr(self, name) != getattr(type(self), name):
                typed = ",".join(f"{value:g}" for value in getattr(self, name))
                other = next(each for each in NOISES if NOISES[each].setting == name)
                yield (
                    f"{name} is not a setting of {self.noise} noise: give "
                    f"--{noise.setting} {typed}, or --noise {other}"
                )
        names = [f"{value:g}" for value in values]
        if len(set(names)) < len(names):
            listed = ", ".join(names)
            yield f"{noise.setting} {listed}: two are the same to six digits; give each once"
        if max(values, default=0) > noise.most:
            yield f"{noise.setting} has {max(values):g}: give at most {noise.most:g}"
        if self.batch_norm == "batch":
            yield 'noise-sweep runs each trial alone: it needs batch_norm = "frozen"'
