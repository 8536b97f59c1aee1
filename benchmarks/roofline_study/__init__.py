"""What roofline.py measures, and its table."""
