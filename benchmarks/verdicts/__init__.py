"""How often is the verdict of `ganinv invert` wrong? `make verdicts` measures it in an hour."""
