"""Modules of PyTorch and its programs are exported, and make its pictures."""

import sys

import numpy as np
import pytest
from called import run_ganinv

import ganinv_cli as ganinv
from ganinv_cli.errors import CheckpointError, UsageError
from ganinv_cli.generators.formats import read
from ganinv_cli.settings.conventions import Conventions
from tests.generators.formats.test_torch_file import PYTORCH

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.jit
PROGRAMS = ("script.ts", "program.pt2")


@pytest.fixture(name="torch")
def import_torch():
    return pytest.importorskip("torch")


@pytest.fixture(name="pytorch_data")
def import_data(torch):
    return pytest.importorskip("exported.pytorch_data")


def make_pictures(module, *inputs):
    """Return those of the module itself, channels last."""
    return module(*inputs).detach().numpy().transpose(0, 2, 3, 1)


@pytest.mark.nightly
def test_a_module_loads_in_any_wrapper_and_stays_in_its_mode(torch, pytorch_data):
    module = pytorch_data.make_generator(0)
    z = torch.randn(4, pytorch_data.LATENT)
    expected = make_pictures(module, z)
    scripted = torch.jit.script(module.train())
    for each in (module, torch.nn.DataParallel(module), torch.compile(module), scripted):
        generator = ganinv.load(each, latent=pytorch_data.LATENT)
        np.testing.assert_allclose(generator(z.numpy()), expected, atol=1e-4)
        assert each.training and module.main[1].training


@pytest.mark.nightly
def test_images_are_inverted_with_a_module(torch, pytorch_data):
    module = pytorch_data.make_generator(0)
    z = torch.randn(2, pytorch_data.LATENT)
    images = module(z).detach()  # (n, channels, height, width)
    found = ganinv.invert(module, [images[0], images[1:].bfloat16()], trials=4)
    np.testing.assert_allclose(found.z, z.numpy(), atol=0.05)


@pytest.mark.nightly
@pytest.mark.refusals  # of an export by which another is tried
@pytest.mark.parametrize("rows", [1, 4])
def test_a_program_of_fixed_batches_makes_any_number_of_pictures(torch, tmp_path, capfd, rows):
    class Fixed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.project, self.norm = torch.nn.Linear(6, 64), torch.nn.BatchNorm2d(4)
            self.end = torch.nn.ConvTranspose2d(4, 3, 4, 2, 1)

        def forward(self, z):
            x = self.project(z.view(len(z), -1))
            return torch.tanh(self.end(self.norm(x.view(len(z), 4, 4, 4))))

    module, z = Fixed().eval(), torch.randn(5, 6, 1, 1)
    file = tmp_path / "program.pt2"
    torch.export.save(torch.export.export(module, (z[:rows],)), file)
    for generator in (ganinv.load(file, trust=True), ganinv.load(module)):
        assert generator.route.endswith(", exported to ONNX, as TensorFlow operations")
        np.testing.assert_allclose(generator(z.flatten(1)), make_pictures(module, z), atol=1e-4)
    assert capfd.readouterr() == ("", "")


@pytest.mark.nightly
def test_labels_of_a_module_are_numbers_or_one_hot(torch):
    class Conditional(torch.nn.Module):
        def __init__(self, is_one_hot):
            super().__init__()
            self.embed = torch.nn.Linear(3, 2) if is_one_hot else torch.nn.Embedding(3, 2)
            self.project = torch.nn.Linear(8, 3 * 64)

        def forward(self, z, label):
            x = self.project(torch.cat([z, self.embed(label)], 1))
            return torch.sigmoid(x).reshape(-1, 3, 8, 8)

    for is_one_hot in (True, False):
        module = Conditional(is_one_hot)
        generator = ganinv.load(module, latent=6, labels=3, range="sigmoid")
        z, label = torch.randn(3, 6), torch.arange(3)
        given = torch.nn.functional.one_hot(label).float() if is_one_hot else label
        expected = make_pictures(module, z, given) * 2 - 1
        np.testing.assert_allclose(generator(z.numpy(), label.numpy()), expected, atol=1e-4)


@pytest.mark.nightly
@pytest.mark.refusals
def test_labels_of_a_convolution_are_one_hot_maps(torch, pytorch_data):
    class Conditional(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.start = torch.nn.ConvTranspose2d(6 + 8, 6, 1)
            self.main = pytorch_data.make_generator(0)

        def forward(self, z, label):
            return self.main(self.start(torch.cat([z, label], 1)))

    module, z, numbers = Conditional().eval(), torch.randn(3, 6, 1, 1), torch.arange(3)
    one_hot = torch.nn.functional.one_hot(numbers, 8).float()[:, :, None, None]
    made = ganinv.load(module, latent=6, labels=8)(z.flatten(1), numbers)
    np.testing.assert_allclose(made, make_pictures(module, z, one_hot), atol=1e-4)


@pytest.mark.nightly
def test_what_cannot_be_exported_is_refused_with_the_other_way(torch, pytorch_data, capfd):
    class Noisy(pytorch_data.Generator):
        def forward(self, z):
            return super().forward(z + 0.1 * torch.randn_like(z))

    class Untraceable(pytorch_data.Generator):
        def forward(self, z):
            return super().forward(torch.from_numpy(np.linalg.qr(z.numpy())[0]))

    class Branching(pytorch_data.Generator):
        def forward(self, z):
            return super().forward(z if z[0, 0] > 0 else -z)

    class Spectral(pytorch_data.Generator):
        def forward(self, z):
            return torch.fft.irfft2(torch.fft.rfft2(super().forward(z)))

    kinds = {
        Spectral: "is not on the list of operations",
        Noisy: "draws random numbers",
        Branching: "decide by the values of z",
        Untraceable: "has the inputs none",
    }
    for kind, words in kinds.items():
        with pytest.raises(CheckpointError, match=rf"{words}.*torch\.save\(netG\.state_dict"):
            ganinv.load(kind(), latent=pytorch_data.LATENT)
    assert capfd.readouterr() == ("", "")


@pytest.mark.nightly
def test_what_is_no_generator_is_refused_with_what_to_give(torch, pytorch_data):
    class Labelled(pytorch_data.Generator):
        def forward(self, z, label):
            return super().forward(z)

    module = pytorch_data.Generator()
    refused = {
        torch.nn.Conv2d(3, 8, 4): "is a discriminator or an encoder",
        torch.nn.Linear(3, 1): r"returns \(3, 1\); .* not the discriminator",
        Labelled(): r"argument: 'label'\); for a label give .*labels=10",
        torch.nn.ReLU(): r"no weights .*latent=100",
        module.half(): r"float16.*netG\.float\(\)",
    }
    for given, words in refused.items():
        with pytest.raises(CheckpointError, match=words):
            ganinv.load(given)
    with pytest.raises(CheckpointError, match=r"of z, tried with 7: ganinv\.load\(netG, latent="):
        ganinv.load(pytorch_data.Generator(), latent=7)
    with pytest.raises(UsageError, match=r"a state dict .*torch\.save"):
        ganinv.load(module.state_dict())


@pytest.mark.nightly
def test_pictures_are_found_in_an_output_in_either_order_of_axes(torch, pytorch_data):
    class Other(torch.nn.Module):
        def __init__(self, change):
            super().__init__()
            self.main, self.change = pytorch_data.make_generator(0), change

        def forward(self, z):
            return self.change(self.main(z))

    z = torch.randn(3, pytorch_data.LATENT)
    expected = make_pictures(pytorch_data.make_generator(0), z)
    for change in (
        lambda x: (x, x.mean()),
        lambda x: {"features": x.flatten(1), "images": x},
        lambda x: x.permute(0, 2, 3, 1),
    ):
        made = ganinv.load(Other(change), latent=pytorch_data.LATENT)(z.numpy())
        np.testing.assert_allclose(made, expected, atol=1e-4)


@pytest.mark.nightly
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_run_if_it_is_trusted(torch, tmp_path, name):
    known = np.load(PYTORCH / "pictures.npz")
    np.save(tmp_path / "z.npy", known["z"])
    generator = ganinv.load(PYTORCH / name, trust=True)
    np.testing.assert_allclose(generator(known["z"]), known["pictures"], atol=1e-4)
    run_ganinv(tmp_path, "inspect", PYTORCH / name, "--trust")


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore")  # PyTorch runs as at a prompt
def test_the_export_that_a_refusal_gives_loads(torch, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module, z = (
        torch.nn.Sequential(torch.nn.Linear(6, 48), torch.nn.Unflatten(1, (3, 4, 4))),
        torch.randn(1, 6),
    )
    torch.export.save(torch.export.export(module, (z,)), "program.pt2")
    with pytest.raises(CheckpointError) as refusal:
        ganinv.load("program.pt2")
    code = str(refusal.value).partition("with PyTorch: ")[2]
    exec(code.replace("1, 100, 1, 1), or in the shape that netG takes", "1, 6)"))
    made = ganinv.load("generator.onnx")(z.numpy())
    np.testing.assert_allclose(made, make_pictures(module, z), atol=1e-4)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_not_run_without_trust_or_torch(name, monkeypatch):
    with pytest.raises(CheckpointError, match=r"is code: --trust.*torch\.onnx\.export"):
        read(PYTORCH / name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(CheckpointError, match=r"needs PyTorch to run \(pip install torch\)"):
        read(PYTORCH / name, Conventions(trust=True))
