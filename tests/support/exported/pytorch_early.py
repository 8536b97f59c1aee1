"""Write tests/data/early.pt: python tests/support/exported/pytorch_early.py.

The state dict of a DCGAN after 30 steps of PyTorch 2.13 on pictures of a blurred dot (seconds). The
moving averages of its norms still hold 4 % of their first values.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

FILE = Path(__file__).parents[2] / "data" / "early.pt"
LATENT, SIDE, WIDTH, BATCH, STEPS = 32, 16, 12, 64, 30


def make_generator() -> nn.Sequential:
    def up(inputs: int, outputs: int, stride: int = 2) -> nn.Module:
        return nn.ConvTranspose2d(inputs, outputs, 4, stride, stride - 1, bias=False)

    first = up(LATENT, 2 * WIDTH, 1), nn.BatchNorm2d(2 * WIDTH), nn.ReLU()
    second = up(2 * WIDTH, WIDTH), nn.BatchNorm2d(WIDTH), nn.ReLU()
    return nn.Sequential(*first, *second, up(WIDTH, 1), nn.Tanh())


def make_discriminator() -> nn.Sequential:
    first = nn.Conv2d(1, WIDTH, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)
    second = nn.Conv2d(WIDTH, 2 * WIDTH, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * WIDTH)
    return nn.Sequential(*first, *second, nn.LeakyReLU(0.2), nn.Conv2d(2 * WIDTH, 1, 4))


def initialize(layer: nn.Module) -> None:
    """As PyTorch's DCGAN example does."""
    if isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1, 0.02)
    elif isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0, 0.02)


def draw_dots(random: np.random.Generator) -> torch.Tensor:
    """Pictures (BATCH, 1, SIDE, SIDE) in [-1, 1]."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    centre, radius = random.uniform(5, 11, (BATCH, 2, 1, 1)), random.uniform(1, 4, (BATCH, 1, 1))
    squares = (rows - centre[:, 0]) ** 2 + (columns - centre[:, 1]) ** 2
    dots = 2 * np.exp(-squares / (2 * radius**2)) - 1
    return torch.from_numpy(dots[:, None].astype(np.float32))


def train() -> nn.Sequential:
    """The generator after some steps against the discriminator."""
    torch.manual_seed(0)
    random, cross_entropy = np.random.default_rng(0), nn.BCEWithLogitsLoss()
    networks = make_generator().apply(initialize), make_discriminator().apply(initialize)
    generator, discriminator = networks
    update, oppose = (torch.optim.Adam(each.parameters(), 2e-4, (0.5, 0.999)) for each in networks)
    ones, zeros = torch.ones(BATCH, 1, 1, 1), torch.zeros(BATCH, 1, 1, 1)
    for _ in range(STEPS):
        painted = generator(torch.randn(BATCH, LATENT, 1, 1))
        found = cross_entropy(discriminator(draw_dots(random)), ones)
        found = found + cross_entropy(discriminator(painted.detach()), zeros)
        oppose.zero_grad()
        found.backward()
        oppose.step()
        update.zero_grad()
        cross_entropy(discriminator(painted), ones).backward()
        update.step()
    return generator


if __name__ == "__main__":
    torch.save(train().state_dict(), FILE)
