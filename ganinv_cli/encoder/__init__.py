"""A learned start: guess z from an image."""
