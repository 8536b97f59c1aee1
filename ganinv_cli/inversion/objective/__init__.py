"""What is minimised: the loss of an image and its gradient, J = dG/dz, and the true z."""
