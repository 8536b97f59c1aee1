"""The speed of ganinv: beside its limits and another method, on GPUs, and with many trials."""
