"""The experiments: which trials run, and what is kept of them."""
