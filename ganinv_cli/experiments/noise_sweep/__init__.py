"""Recover latent vectors from noisy images (Figure 2).

Adds noise to the images of known latent vectors, and recovers these under every clipping rule.
Prints how the error of z grows with the noise, and whether the rules differ. The same command
continues a run that was stopped.

\b
Examples:
    ganinv noise-sweep
    ganinv noise-sweep --variances 0.01,0.1 --trials 50 --out quick.h5
    ganinv noise-sweep --noise salt-and-pepper --levels .01,.05 --out sp.h5
\f

The rules have the same noisy images and starts. The error of z is compared with the Cramer-Rao
bound of Gaussian noise. A larger --trials extends a finished run.
"""

from ganinv_cli.experiments.experiment import Experiment
from ganinv_cli.experiments.noise_sweep.config import NoiseSweepConfig

EXPERIMENT = Experiment(
    __name__,
    help=__doc__,
    config=NoiseSweepConfig,
    first=(
        "variances",
        "noise",
        "levels",
        "trials",
        "checkpoint",
        "clip",
        "device",
        "out",
        "style",
    ),
    plan=f"{__name__}.plan:NoiseSweepPlan",
    report="ganinv_cli.results.report.noise_sweep:NOISE_SWEEP_REPORT",
    order=2,
    example="""
        >>> t = ganinv.noise_sweep("faces16", trials=2, variances=[0.001, 0.1], clip="none")
        >>> t.groups
        ['variance=0.001/none', 'variance=0.1/none']
    """,
)
