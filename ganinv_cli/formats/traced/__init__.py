"""From functions to traced networks, for formats whose generators TensorFlow runs."""
