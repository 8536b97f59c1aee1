"""What may be done to a picture, a file per kind, and how it may be stored."""
