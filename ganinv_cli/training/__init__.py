"""Train a DCGAN as in the paper."""
