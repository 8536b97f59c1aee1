"""The report of `ganinv recover`."""

from ganinv_cli.report.recover.numbers import TABLE, classify_failures, draw, summarise

__all__ = ["TABLE", "classify_failures", "draw", "summarise"]
