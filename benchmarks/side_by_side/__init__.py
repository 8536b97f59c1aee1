"""The methods that `benchmarks/peers.py` runs side by side, each as its authors set it."""
