"""TensorFlow's checkpoints, and the DCGANs in them."""
