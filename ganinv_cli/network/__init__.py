"""The generator: layers, their shapes, how TensorFlow runs them, and its Jacobian."""
