"""Several devices of one machine give the same trials as one, and are chosen by --device."""

import json
import subprocess
import sys
from pathlib import Path

import builders
import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli.engine import devices
from ganinv_cli.errors import UsageError
from ganinv_cli.outcome import Outcome
from ganinv_cli.settings.machine import Machine
from ganinv_cli.store import read_results

RULES = ("none", "stochastic")
SETTINGS = ("--clip", ",".join(RULES), "--trials", "10", "--batch-size", "4", "--seed", "3")

# A process with three devices, which TensorFlow makes of one CPU: runs commands, each in a folder,
# and prints the devices of each.
THREE_DEVICES = """
import contextlib, json, sys, threading
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 3)
from ganinv_cli.cli import main
from ganinv_cli.loop.batch import Batch
make_empty, advance = Batch.make_empty, Batch.advance
for folder, workers, command in json.loads(sys.argv[1]):
    used = set()
    barrier = threading.Barrier(workers)  # or the first device could do all trials
    def make_empty_together(self, size):
        batch_state = make_empty(self, size)
        barrier.wait(120)
        return batch_state
    def advance_and_note(self, batch_state, steps):
        used.add(batch_state.solver_state.z.device[-5:])
        return advance(self, batch_state, steps)
    Batch.make_empty, Batch.advance = make_empty_together, advance_and_note
    with contextlib.chdir(folder):
        main(command, standalone_mode=False)
    print(*sorted(used), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hard")
    builders.make_hard_checkpoint(folder)
    return folder


def _check_same(path: Path, other: Path) -> None:
    """Check that each trial is there once, with the same outcome and, if converged, the same z."""
    first, second = read_results(path), read_results(other)
    for rule in RULES:
        rows, others = first.groups[rule], second.groups[rule]
        assert others["trial"].tolist() == list(range(10))
        assert (rows["outcome"] == others["outcome"]).all()
        converged = rows["outcome"] == Outcome.converged
        assert converged.any()
        away = rows["z_found"][converged] - others["z_found"][converged]
        assert np.abs(away).max() < 1e-3
        np.testing.assert_array_equal(rows["z_start"], others["z_start"])


@pytest.mark.slow
def test_three_devices_find_what_one_finds(checkpoint, tmp_path):
    runs = []
    for name, workers, device in (("one", 1, "cpu:1"), ("three", 3, "cpu")):
        (tmp_path / name).mkdir()
        command = ["recover", "--checkpoint", str(checkpoint), *SETTINGS, "--device", device, "-v"]
        runs.append((str(tmp_path / name), workers, command))
    done = subprocess.run(
        [sys.executable, "-c", THREE_DEVICES, json.dumps(runs)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert [line for line in lines if line.startswith("CPU:")] == ["CPU:1", "CPU:0 CPU:1 CPU:2"]
    assert sum(line.startswith("on 3 × CPU") for line in lines) == 1
    _check_same(tmp_path / "one" / "recover.h5", tmp_path / "three" / "recover.h5")


def test_devices_are_named_by_kind_and_number():
    (cpu,) = devices.find_devices("cpu:0")
    with cpu.scope():
        assert tf.zeros(1).device.endswith("CPU:0")
    assert [(d.kind, d.number) for d in devices.find_devices("auto")] == [("cpu", 0)]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("tpu", "it is auto, cpu, gpu, or some GPUs such as gpu:0,1"),
        ("gpu:", "it is auto, cpu, gpu, or some GPUs such as gpu:0,1"),
        ("gpu:a", "it is auto, cpu, gpu, or some GPUs such as gpu:0,1"),
        ("gpu", "TensorFlow sees no GPU here"),
        ("gpu:0,1", "TensorFlow sees no GPU here"),
        ("cpu:0,7", "there is no cpu:7; TensorFlow sees cpu:0 alone"),
        ("cpu:0,0", "names a device twice"),
    ],
)
def test_devices_that_are_not_there_are_refused(wanted, words):
    with pytest.raises(UsageError, match=words):
        devices.find_devices(wanted)


def test_more_gpus_than_there_are_is_refused(monkeypatch):
    real = tf.config.list_logical_devices
    two = [tf.config.LogicalDevice(f"/device:GPU:{number}", "GPU") for number in range(2)]
    monkeypatch.setattr(
        tf.config, "list_logical_devices", lambda kind: two if kind == "GPU" else real(kind)
    )
    assert [d.number for d in devices.find_devices("auto")] == [0, 1]
    assert [d.number for d in devices.find_devices("gpu:1")] == [1]
    with pytest.raises(UsageError, match="there is no gpu:2; TensorFlow sees gpu:0 to gpu:1"):
        devices.find_devices("gpu:1,2")


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
    devices.configure_tensorflow()
    assert grown == [(card, True) for card in cards]
    assert not tf.config.experimental.tensor_float_32_execution_enabled()


def test_a_run_says_which_cards_it_used(monkeypatch):
    names = iter(["A100", "A100", "H100"])
    monkeypatch.setattr(devices.Device, "description", property(lambda self: f"GPU {next(names)}"))
    used = [devices.Device("gpu", number) for number in range(3)]
    assert devices.describe_machine(used, "auto") == Machine("2 × GPU A100; GPU H100", "mixed")
