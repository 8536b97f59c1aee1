"""Where trials run: one device, several, or a Ray cluster."""
