"""Write the ONNX files of tests/data/onnx: small generators, as PyTorch's exporters write them.

Needs PyTorch, which the tests do not: in an environment of its own,

    pip install torch onnx onnxscript numpy
    python tests/support/exported/export_onnx.py tests/data/onnx
"""

import sys
import warnings
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

LATENT, LABELS = 8, 5


class Dcgan(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            *(nn.ConvTranspose2d(LATENT, 8, 4, 1, 0, bias=False), nn.BatchNorm2d(8), nn.ReLU()),
            *(nn.ConvTranspose2d(8, 6, 4, 2, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU()),
            *(nn.ConvTranspose2d(6, 3, 4, 2, 1, bias=False), nn.Tanh()),
        )


class Block(nn.Module):
    def __init__(self, inside: int, out: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.BatchNorm2d(inside), nn.BatchNorm2d(out)])
        self.convs = nn.ModuleList([nn.Conv2d(inside, out, 3, 1, 1), nn.Conv2d(out, out, 3, 1, 1)])
        self.skip = nn.Conv2d(inside, out, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.interpolate(F.relu(self.norms[0](x)), scale_factor=2)
        y = self.convs[1](F.relu(self.norms[1](self.convs[0](y))))
        return y + self.skip(F.interpolate(x, scale_factor=2))


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(LATENT, 8 * 4 * 4)
        self.blocks = nn.Sequential(Block(8, 6), Block(6, 4))
        self.norm, self.last = nn.BatchNorm2d(4), nn.Conv2d(4, 3, 3, 1, 1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = self.dense(z).view(-1, 8, 4, 4)
        return torch.tanh(self.last(F.relu(self.norm(self.blocks(x)))))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(LATENT, 16 * 4 * 4)
        self.query, self.key = nn.Conv2d(16, 2, 1), nn.Conv2d(16, 2, 1)
        self.value, self.last = nn.Conv2d(16, 16, 1), nn.ConvTranspose2d(16, 3, 4, 2, 1)
        self.gamma = nn.Parameter(torch.full((1,), 0.7))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = F.leaky_relu(self.dense(z).view(z.size(0), 16, 4, 4), 0.2)
        rows, channels, height, width = x.size()
        query = self.query(x).view(rows, -1, height * width).permute(0, 2, 1)
        weights = torch.softmax(torch.bmm(query, self.key(x).view(rows, -1, height * width)), -1)
        value = self.value(x).view(rows, -1, height * width)
        y = torch.bmm(value, weights.permute(0, 2, 1)).view(rows, channels, height, width)
        return torch.tanh(self.last(self.gamma * y + x))


class Style(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mapping = nn.Sequential(nn.Linear(LATENT, 8), nn.LeakyReLU(0.2), nn.Linear(8, 8))
        self.start = nn.Parameter(torch.randn(1, 8, 4, 4))
        self.styles = nn.ModuleList([nn.Linear(8, 16), nn.Linear(8, 12)])
        self.convs = nn.ModuleList([nn.Conv2d(8, 6, 3, 1, 1), nn.Conv2d(6, 3, 3, 1, 1)])
        self.noise = nn.ParameterList([torch.randn(1, 1, 8, 8), torch.randn(1, 1, 16, 16)])

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        z = z * torch.rsqrt(torch.mean(z**2, 1, keepdim=True) + 1e-8)
        w = self.mapping(z)
        x = self.start.expand(z.shape[0], -1, -1, -1)
        for style, conv, noise in zip(self.styles, self.convs, self.noise, strict=True):
            scale, shift = style(w)[:, :, None, None].chunk(2, 1)
            x = x - x.mean((2, 3), keepdim=True)
            x = x * torch.rsqrt((x**2).mean((2, 3), keepdim=True) + 1e-5) * (scale + 1) + shift
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = F.leaky_relu(conv(x) + 0.1 * noise, 0.2)
        return x


class Shuffle(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(LATENT, 8 * 4 * 4)
        self.norm = nn.InstanceNorm2d(8, affine=True)
        self.conv, self.last = nn.Conv2d(8, 16, 3), nn.Conv2d(4, 12, 3)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm(self.dense(z).view(-1, 8, 4, 4)))
        x = F.pixel_shuffle(self.conv(F.pad(x, (1, 1, 1, 1), mode="reflect")), 2)
        x = F.pixel_shuffle(self.last(F.pad(x, (1, 1, 1, 1), mode="reflect")), 2)
        return torch.sigmoid(x)


class Conditional(nn.Module):
    def __init__(self, one_hot: bool = False) -> None:
        super().__init__()
        self.embed = nn.Linear(LABELS, 4) if one_hot else nn.Embedding(LABELS, 4)
        self.inner = Residual()  # with a longer z
        self.inner.dense = nn.Linear(LATENT + 4, 8 * 4 * 4)

    def forward(self, z: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return self.inner(torch.cat([z, self.embed(label)], 1))


GENERATORS = {
    **{"dcgan": Dcgan, "residual": Residual, "attention": Attention, "style": Style},
    **{"shuffle": Shuffle, "embedding": Conditional, "one_hot": lambda: Conditional(True)},
}
EXPORTS = (  # exporter, whether the batch is free, version
    *((False, True, 11), (False, False, 13), (False, True, 17), (True, False, 18)),
    *((True, True, 20), (True, True, 25)),
)


def export_all(folder: Path) -> None:
    """Write all files."""
    for name, build in GENERATORS.items():
        torch.manual_seed(0)
        model = build()
        for each in model.modules():
            if isinstance(each, nn.BatchNorm2d):
                nn.init.normal_(each.running_mean, 0, 0.2)
                nn.init.uniform_(each.running_var, 0.5, 1.5)
        for dynamo, free, opset in EXPORTS:
            rows = 2 if free else 1
            shape = (rows, LATENT, 1, 1) if name == "dcgan" else (rows, LATENT)
            inputs, names = [torch.randn(shape)], ["z"]
            if name in ("embedding", "one_hot"):
                label = torch.arange(rows)
                inputs.append(F.one_hot(label, LABELS).float() if name == "one_hot" else label)
                names.append("label")
            way = {"dynamic_axes": {each: {0: "batch"} for each in names}} if free else {}
            if dynamo and free:
                way = {"dynamic_shapes": [{0: torch.export.Dim("batch")} for _ in names]}
            file = f"{name}-{'dynamo' if dynamo else 'script'}-{'free' if free else 'one'}-{opset}"
            torch.onnx.export(
                model.eval(),
                tuple(inputs),
                str(folder / f"{file}.onnx"),
                input_names=names,
                opset_version=opset,
                dynamo=dynamo,
                **({"external_data": False, "verbose": False} if dynamo else {}),
                **way,
            )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    export_all(Path(sys.argv[1]))
