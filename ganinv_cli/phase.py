"""What a run does: it measures and compiles before trials run."""

from ganinv_cli.outcome import Phase as Phase
