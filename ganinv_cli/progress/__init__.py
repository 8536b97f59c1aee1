"""Progress for the user: messages, the phase, trials and time left; and interruptions."""

from ganinv_cli.progress.reporters import SILENT, Reporter

__all__ = ["SILENT", "Reporter"]
