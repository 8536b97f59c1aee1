"""The check of a generator by the statistics that its batch norms store."""
