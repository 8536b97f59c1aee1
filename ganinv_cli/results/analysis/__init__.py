"""What the recoveries of an image say: minima, uniqueness, and the verdict on who made it.

The part needs neither TensorFlow nor the generator, and renders nothing.
"""
