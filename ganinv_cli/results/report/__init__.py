"""Tables, figures and pages from results files.

The part needs neither TensorFlow nor the generator. What the report of a command shows is a
`ReportKind`, which its experiment names.
"""

from ganinv_cli.results.report.grid import Answer, DrawnFigure, Report
from ganinv_cli.results.report.render import render, render_brief

__all__ = ["Answer", "DrawnFigure", "Report", "render", "render_brief"]
