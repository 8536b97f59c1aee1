"""The experiments: which trials they run, and what they store."""
