"""Recover the latent vectors behind the images of a generator."""
