"""Recover one unseen image many times (Table 2).

Do the recoveries agree? Prints how far apart they are, compared with random vectors and with
the paper, and how many distinct minima they are. The same command continues a run that was
stopped; a larger --trials extends a finished run. The paper has 1,000 trials; the default is 100.

\b
Examples:
    ganinv consistency --image portrait.png
    ganinv consistency --image faces/ --trials 20 --restarts 3
\f

With --restarts N each recovery is the best of N + 1 starts.

New images are added to the results file. Images that it holds are not run again. The folder and
`ganinv report` show all of them.
"""

from ganinv_cli.experiments.consistency.config import ConsistencyConfig
from ganinv_cli.experiments.experiment import Experiment

EXPERIMENT = Experiment(
    __name__,
    help=__doc__,
    config=ConsistencyConfig,
    first=("image", "trials", "checkpoint", "clip", "device", "out", "style", "config"),
    plan="ganinv_cli.experiments.image_plan:ImagesPlan",
    report="ganinv_cli.results.report.images:CONSISTENCY_REPORT",
    order=3,
    example="""
        >>> G = ganinv.load("faces16")
        >>> t = ganinv.consistency(G, G(G.draw_z(1, seed=3)), trials=4, clip="none")
        >>> t.tables["table2"][0]["recoveries"]
        4
    """,
)
