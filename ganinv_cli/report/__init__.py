"""Tables, figures and pages from results files.

The part needs neither TensorFlow nor the generator.
"""

from typing import TYPE_CHECKING

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.report.images import CONSISTENCY_COMMAND, INVERT_COMMAND
from ganinv_cli.report.noise_sweep import NOISE_SWEEP_COMMAND
from ganinv_cli.report.recover import RECOVER_COMMAND
from ganinv_cli.report.render import render, render_brief
from ganinv_cli.report.report import Answer, DrawnFigure, Report

if TYPE_CHECKING:
    from ganinv_cli.store import Results

__all__ = ["Answer", "DrawnFigure", "Report", "render", "render_brief", "summarize"]

COMMANDS = {
    "recover": RECOVER_COMMAND,
    "noise-sweep": NOISE_SWEEP_COMMAND,
    "consistency": CONSISTENCY_COMMAND,
    "invert": INVERT_COMMAND,
}


def summarize(results: "Results", name: str) -> Report:
    """Return the report of results; `name` is shown to the reader.

    Raises ResultsError if there is no trial to count, or no command of ganinv wrote them.
    """
    command = str(results.attributes.get("command", ""))
    if command not in COMMANDS:
        raise ResultsError(
            f"{name}: results of the command {command!r}, which this ganinv does not report; "
            "use the ganinv that wrote them, or a newer one"
        )
    with np.errstate(all="ignore"):  # an edited file can hold any number
        return COMMANDS[command].summarize(results, name)
