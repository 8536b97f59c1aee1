"""The report of `ganinv recover`."""

from ganinv_cli.report.recover.numbers import TABLE, draw, failed, summarise

__all__ = ["TABLE", "draw", "failed", "summarise"]
