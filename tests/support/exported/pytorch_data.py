"""Write tests/data/torch with PyTorch 2.13: python tests/support/exported/pytorch_data.py."""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn

FOLDER = Path(__file__).parents[2] / "data" / "torch"
LATENT = 6


class Generator(nn.Module):
    """PyTorch's DCGAN example, small."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            *(nn.ConvTranspose2d(LATENT, 6, 4, 1, 0, bias=False), nn.BatchNorm2d(6), nn.ReLU(True)),
            *(nn.ConvTranspose2d(6, 4, 4, 2, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(True)),
            *(nn.ConvTranspose2d(4, 1, 4, 2, 1, bias=False), nn.Tanh()),
        )

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.main(z.reshape(z.shape[0], -1, 1, 1))


class Settings:
    """A class of a program, which no other program has."""

    def __init__(self) -> None:
        self.width, self.device = 6, torch.device("cpu")


def make_generator(seed: int) -> Generator:
    """Return a generator whose norms have seen their own inputs."""
    torch.manual_seed(seed)
    net = Generator()
    for parameter in net.parameters():
        nn.init.normal_(parameter, *((0.3, 0.6) if parameter.ndim > 1 else (1, 0.2)))
    with torch.no_grad():
        for _ in range(60):
            net(torch.randn(256, LATENT))
    return net.eval()


def main() -> None:
    net, other = make_generator(0), make_generator(1)
    optimizer = torch.optim.Adam(net.parameters(), 2e-4, betas=(0.5, 0.999))
    training = {
        "args": argparse.Namespace(lr=2e-4, dataset=Path("faces"), betas=(0.5, 0.999)),
        "settings": Settings(),
        "epoch": 3,
        "netG": net.state_dict(),
        "optimizerG": optimizer,
        "optimizerG_state": optimizer.state_dict(),
    }
    contents = {
        "module": net,
        "training": training,
        "two": {"first": net.state_dict(), "second": {"G": other.state_dict()}},
        "parallel": nn.DataParallel(net),
        "parallel-state": nn.DataParallel(net).state_dict(),
        "compiled": torch.compile(net).state_dict(),
        "channels-last": net.to(memory_format=torch.channels_last).state_dict(),
        "half": make_generator(0).half().state_dict(),
    }
    for name, content in contents.items():
        torch.save(content, FOLDER / f"{name}.pt")
    for name in ("module", "training"):
        path = FOLDER / f"{name}-old.pt"
        torch.save(contents[name], path, _use_new_zipfile_serialization=False)
    z = torch.randn(2, LATENT)
    torch.jit.trace(net, z).save(FOLDER / "script.ts")
    axes = {"z": {0: torch.export.Dim("n")}}
    torch.export.save(torch.export.export(net, (z,), dynamic_shapes=axes), FOLDER / "program.pt2")
    with torch.no_grad():
        pictures = net(z).permute(0, 2, 3, 1)
    np.savez_compressed(FOLDER / "pictures.npz", z=z.numpy(), pictures=pictures.numpy())


if __name__ == "__main__":
    main()
