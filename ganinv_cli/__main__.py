"""`python -m ganinv_cli` is `ganinv`."""

from ganinv_cli.cli import main

main(prog_name="ganinv")
