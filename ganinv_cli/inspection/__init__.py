"""What a generator is, makes and how hard it is to invert; whether it is read as it was written."""
