"""Recover known latent vectors (Table 1, Figure 1).

Draws latent vectors, makes their images, and recovers each under every clipping rule from the
same start. Prints the success rate, the error and the speed, as in the paper. The same command
continues a run that was stopped; a larger --trials extends a finished run.

\b
Examples:
    ganinv recover --trials 200
    ganinv recover --polish float64 --out float64.h5
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
        >>> t = ganinv.recover("faces16", trials=4, clip="stochastic", seed=1)
        >>> row = t.tables["table1"][0]
        >>> row["technique"], row["trials"], row["recovered"]["1e-4"]
        ('stochastic', 4, 4)
        >>> t.columns("stochastic")["z_found"].shape
        (4, 100)
    """,
)
