"""The generator: layers, shapes, execution and Jacobian."""
