"""Plain numbers for JSON and CSV."""

from ganinv_cli.report.rows import finite_or_none, flatten, mean_or_none

__all__ = ["finite_or_none", "flatten", "mean_or_none"]
