"""A TensorFlow graph, translated operation by operation and never run."""
