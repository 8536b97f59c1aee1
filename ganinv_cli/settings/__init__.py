"""Settings of a run, config files and shared names."""
