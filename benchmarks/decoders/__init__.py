"""Decoders of latent diffusion models, whose latents are pictures of z: recovery and verdicts."""
