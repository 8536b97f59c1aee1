"""The report of `ganinv inspect`."""
