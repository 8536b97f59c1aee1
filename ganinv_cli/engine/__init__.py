"""Engines: run the jobs of a task on local devices or on a Ray cluster."""
