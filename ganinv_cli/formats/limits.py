"""How large a generator of pictures may be, known before any of its weights is read."""

MOST_WEIGHTS = 100_000_000  # the paper's has 5 million
MOST_LATENT = 1 << 14
LEAST_SIDE, MOST_SIDE = 4, 1024  # pixels
MOST_VALUES = 1 << 26  # in a layer's output for one image; the paper's largest has 65,536
