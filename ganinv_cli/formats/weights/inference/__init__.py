"""Conventions of weights alone, inferred from the statistics that their batch norms store.

A batch norm stores the mean and variance of its input during training. They depend on the layers
before it and on the prior. So the layers up to a norm are run on samples of a prior, with each
value of each convention, and the moments of the norm's input are compared with the stored ones.
After a norm, its stored statistics are used, and the next norm determines the conventions of the
next layers.
"""
