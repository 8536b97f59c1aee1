"""A learned start: an encoder that guesses z from an image."""
