"""Which trials an experiment runs and what it keeps of them."""
