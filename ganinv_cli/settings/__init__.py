"""Settings of a run: defaults, config files, shipped files and names shared by all."""
