"""Several devices of one machine give the same trials as one, and are chosen by --device."""

import subprocess
import sys

import builders
import numpy as np
import pytest
import tensorflow as tf
from called import make_image, make_random_pixels, save_image

from ganinv_cli.engine import devices
from ganinv_cli.errors import UsageError
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.outcome import Outcome
from ganinv_cli.results.store import read_results
from ganinv_cli.settings.machine import Machine
from ganinv_cli.tensorflow_start import configure_tensorflow

# A process with three devices, which TensorFlow makes of one CPU: runs on one, then on all.
START = """
import sys
from pathlib import Path
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 3)
from ganinv_cli.loaded_generator import load
from ganinv_cli.experiments.experiment import Request
from ganinv_cli.experiments.run_experiment import run_experiment
from ganinv_cli.progress import SILENT
"""
RECOVER = """
from ganinv_cli.experiments.recover import EXPERIMENT
from ganinv_cli.experiments.recover.config import RecoverConfig
for name, device in (("one", "cpu:1"), ("three", "cpu")):
    config = RecoverConfig(clip=("none", "stochastic"), trials=30, batch_size=4, device=device)
    run_experiment(Request(EXPERIMENT, config, Path(f"{name}.h5")), load("."), SILENT)
"""
INVERT = """
from ganinv_cli.experiments.invert import EXPERIMENT
from ganinv_cli.experiments.invert.config import InvertConfig
for name, device in (("one", "cpu:1"), ("three", "cpu")):
    config = InvertConfig(image=("images",), trials=5, batch_size=2, align="none", device=device)
    run_experiment(Request(EXPERIMENT, config, Path(f"{name}.h5")), load("."), SILENT)
"""


def _run_on_one_and_on_three(folder, program):
    """Return the groups of the two runs of a program."""
    subprocess.run([sys.executable, "-c", START + program], cwd=folder, timeout=300, check=True)
    one, three = (read_results(folder / f"{name}.h5") for name in ("one", "three"))
    assert three.attributes["device"].startswith("3 × CPU")
    return one.groups, three.groups


@pytest.mark.nightly
def test_three_devices_find_what_one_finds(tmp_path):
    builders.make_hard_definition(tmp_path)
    one, three = _run_on_one_and_on_three(tmp_path, RECOVER)
    for rule in ("none", "stochastic"):
        rows, others = one[rule], three[rule]
        assert others["trial"].tolist() == list(range(30))
        assert (rows["outcome"] == others["outcome"]).all()
        converged = rows["outcome"] == Outcome.converged
        found = (group["z_found"][converged] for group in (rows, others))
        np.testing.assert_allclose(*found, atol=1e-3)
        np.testing.assert_array_equal(rows["z_start"], others["z_start"])


@pytest.mark.nightly
def test_three_devices_end_the_starts_of_pictures_as_one_does(tmp_path):
    generator = make_generator(builders.make_definition(tmp_path))
    (tmp_path / "images").mkdir()
    for number in range(6):
        save_image(tmp_path / "images" / f"{number}.png", make_image(generator, number))
    save_image(tmp_path / "images" / "9.png", make_random_pixels(generator))
    one, three = _run_on_one_and_on_three(tmp_path, INVERT)
    assert one["stochastic/certificates"]["recoveries"].tolist() == [2] * 6 + [5]
    for column in ("recoveries", "answered", "verdict"):
        found = (groups["stochastic/certificates"][column] for groups in (one, three))
        np.testing.assert_array_equal(*found)
    assert len(three["stochastic/starts"]["trial"]) == 6 * 2 + 5


@pytest.mark.parametrize(
    ("capability", "precision"), [((7, 5), "float32"), ((8, 0), "mixed"), (None, "mixed")]
)
def test_an_older_gpu_computes_in_float32_unless_told(monkeypatch, capability, precision):
    details = {"compute_capability": capability} if capability else {}
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda _: ["gpu"])
    monkeypatch.setattr("tensorflow.config.experimental.get_device_details", lambda _: details)
    monkeypatch.setattr(devices.Device, "description", "a GPU")
    gpu = [devices.Device("gpu", 0)]
    assert devices.describe_machine(gpu, "auto").precision == precision
    assert devices.describe_machine(gpu, "mixed").precision == "mixed"


def test_devices_are_named_by_kind_and_number():
    (cpu,) = devices.find_devices("cpu:0")
    with cpu.scope():
        assert tf.zeros(1).device.endswith("CPU:0")
    assert [(d.kind, d.number) for d in devices.find_devices("auto")] == [("cpu", 0)]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("tpu", "give auto, cpu, gpu, or some GPUs such as gpu:0,1"),
        ("gpu:", "give auto, cpu, gpu, or some GPUs such as gpu:0,1"),
        ("gpu:0,1", "TensorFlow sees no GPU here"),
        ("cpu:0,7", "there is no cpu:7; the first is cpu:0, and TensorFlow sees 1"),
    ],
)
def test_devices_that_are_not_there_are_refused(wanted, words):
    with pytest.raises(UsageError, match=words):
        devices.find_devices(wanted)


def test_every_gpu_takes_memory_as_it_needs_it_and_none_rounds_to_tf32(monkeypatch):
    grown: list[object] = []
    cards = [tf.config.PhysicalDevice(f"/physical_device:GPU:{n}", "GPU") for n in range(2)]
    monkeypatch.setattr(
        tf.config, "list_physical_devices", lambda kind: cards if kind == "GPU" else []
    )
    monkeypatch.setattr(
        tf.config.experimental, "set_memory_growth", lambda card, on: grown.append((card, on))
    )
    tf.config.experimental.enable_tensor_float_32_execution(True)
    configure_tensorflow()
    assert grown == [(card, True) for card in cards]
    assert not tf.config.experimental.tensor_float_32_execution_enabled()


def test_a_run_says_which_cards_it_used(monkeypatch):
    names = iter(["A100", "A100", "H100"])
    monkeypatch.setattr(devices.Device, "description", property(lambda self: f"GPU {next(names)}"))
    used = [devices.Device("gpu", number) for number in range(3)]
    assert devices.describe_machine(used, "auto") == Machine("2 × GPU A100; GPU H100", "mixed")
