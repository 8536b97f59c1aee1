"""The measurements of roofline.py, and its table."""
