"""Find the latent vectors of images, each with a verdict.

Takes image files, NumPy files (.npy, .npz) and folders. Prints for each image whether the
generator made it, and what was done to it since: JPEG, a resize, shift or crop, other colours,
noise; what that leaves, and how sure z is. Pictures of original, reconstruction and difference
are written to the folder. A file that is not an image is skipped, and the exit status is 1; if
no file is an image, it is 2. The same command continues a run that was stopped.

New images are added to the results file. Images that it holds, under this or another name, are
not inverted again. The folder and `ganinv report invert.h5` show all of them.

With several generators it prints which of them made each image, or that none explains it. Each
generator gets its own results file, e.g. invert-portraits64.h5; `ganinv report` on these files
prints the answer again.

\b
Example:
    ganinv invert portrait.png
    ganinv invert faces/ more/*.jpg --mask glasses.png --npz z.npz
    ganinv invert portrait.png --checkpoint portraits64 --checkpoint other.pt
"""

from dataclasses import dataclass
from typing import Literal

from ganinv_cli.experiments.experiment import Experiment
from ganinv_cli.settings.config import Config, ImagesConfig, declare_stationary
from ganinv_cli.settings.declare import declare


@dataclass(frozen=True)
class InvertConfig(ImagesConfig):
    """The settings of `ganinv invert`."""

    shards_images = True
    checkpoint: str = declare(
        Config.checkpoint,
        help="Generator: a file, a folder, a prefix of files, or the name of one that ships. "
        "Repeat it to ask which of several generators made the image.",
        repeated=True,
    )
    default_trials = 8
    trials: int = declare(  # type: ignore[assignment]  # a number once the labels are known
        None,
        help="Number of starts for each image. The best start is kept. If others find the same z, "
        "the result is more certain.",
        shown_default=f"{default_trials}, or one per label if these are more",
        names=("--starts", "--trials"),
        synonym="starts",
    )
    clip: tuple[str, ...] = ("stochastic",)
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


EXPERIMENT = Experiment(
    __name__,
    help=__doc__,
    config=InvertConfig,
    first=("trials", "checkpoint", "crop", "mask", "device", "out", "npz", "style"),
    plan="ganinv_cli.experiments.image_plan:make_plan",
    report="ganinv_cli.results.report.images:INVERT_REPORT",
    order=4,
    inverts=True,
    example="""
        >>> G = ganinv.load("faces16")
        >>> z = G.draw_z(2, seed=3)
        >>> r = ganinv.invert(G, G(z), starts=2, seed=0)
        >>> r.z.shape, r.verdict
        ((2, 100), ['made', 'made'])
        >>> bool(abs(r.z - z).max() < 0.05), r.agreement.tolist(), r.inside.tolist()
        (True, [1.0, 1.0], [True, True])
    """,
)
