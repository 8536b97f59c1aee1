"""Tables, figures and pages from results files.

The part needs neither TensorFlow nor the generator.
"""

from typing import TYPE_CHECKING

import numpy as np

from ganinv_cli.report.render import render, render_brief
from ganinv_cli.report.report import Answer, DrawnFigure, Report, find_report_module

if TYPE_CHECKING:
    from ganinv_cli.store import Results

__all__ = ["Answer", "DrawnFigure", "Report", "render", "render_brief", "summarize"]


def summarize(results: "Results", name: str) -> Report:
    """Return the report of results; `name` is shown to the reader.

    Raises ResultsError if there is no trial to count, or no command of ganinv wrote them.
    """
    module = find_report_module(results, name)
    with np.errstate(all="ignore"):  # an edited file can hold any number
        return module.summarize(results, name)
