"""Decoders of latent diffusion models: verdicts beside those of published methods."""
