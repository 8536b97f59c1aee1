"""The speed of ganinv: beside its limits, its goals and other methods, and on more devices."""
