"""Conventions of weights alone, inferred from the statistics that their batch norms store.

A batch norm's moving mean and variance are what the network that was trained made of the prior that
it was trained with. So the layers up to a norm are run on samples of a prior, with each value of
each convention, and the moments of what enters the norm are compared with the stored ones. After a
norm, its own statistics are used, and the next norm tells the conventions of the next layers.
"""
