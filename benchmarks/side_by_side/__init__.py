"""The methods that `benchmarks/peers.py` compares, each with its authors' settings."""
