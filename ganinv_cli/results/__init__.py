"""Keep, analyse and report what was found."""
