"""Recover known latent vectors (Table 1, Figure 1).

Draws latent vectors, makes their images, and recovers each by gradient descent under every
clipping rule from the same start. Prints the share of recovered z, as in the paper, and whether the
run agrees with it; then how many L-BFGS recovers. The same command continues a run that was
stopped; a larger --trials extends a finished run.

\b
Examples:
    ganinv recover --trials 200
    ganinv recover --solver lbfgs --checkpoint portraits64 --out lbfgs.h5
    ganinv recover --config paper-text --trials 8 --out paper.h5
"""

from ganinv_cli.experiments.experiment import Experiment
from ganinv_cli.experiments.recover.config import RecoverConfig

EXPERIMENT = Experiment(
    __name__,
    help=__doc__,
    config=RecoverConfig,
    first=("trials", "checkpoint", "clip", "seed", "device", "out", "style", "config"),
    plan=f"{__name__}.plan:RecoverPlan",
    report="ganinv_cli.results.report.recover:RECOVER_REPORT",
    order=1,
    example="""
        >>> t = ganinv.recover("faces16", trials=4, clip="none", seed=1)
        >>> row = t.tables["table1"][0]
        >>> row["technique"], row["trials"], row["recovered"]["1e-4"]
        ('none', 4, 4)
        >>> t.columns("none")["z_found"].shape
        (4, 100)
    """,
)
