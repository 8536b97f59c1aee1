"""Training a DCGAN as in the paper: images in, a TensorFlow checkpoint out."""
