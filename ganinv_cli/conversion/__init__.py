"""A generator of any format that is read, in one that is written."""
