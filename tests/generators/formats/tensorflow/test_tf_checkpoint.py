"""TensorFlow DCGAN checkpoints load in all their formats and names."""

import shutil
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from builders import (
    STATISTICS,
    Arrays,
    assert_refused,
    make_weights,
    rename_arrays,
    save_checkpoint,
    write_v1,
)

from ganinv_cli.generators.formats import read
from ganinv_cli.generators.network.definition import Definition
from ganinv_cli.generators.network.layers import BatchNorm
from ganinv_cli.generators.network.make_generator import make_generator


@pytest.mark.parametrize("layout", STATISTICS)
@pytest.mark.parametrize("version", ["V1", "V2"])
def test_every_layout_and_version_holds_the_same_generator(tmp_path, layout, version):
    arrays = make_weights()
    write = write_v1 if version == "V1" else _save
    write(tmp_path / "DCGAN.model-7", rename_arrays(arrays, layout))

    found = read(tmp_path)

    assert (found.format, found.layout) == (f"TensorFlow {version}", layout[0])
    assert found.sha256 == _plain(tmp_path / "plain", arrays).sha256
    assert found.ignored == ()


@pytest.mark.parametrize(
    ("shape", "image"),
    [
        ({"widths": (2, 2, 2, 2, 2, 2), "kernel": (3, 3)}, (256, 256, 3)),
        ({"widths": (4,), "side": 8, "kernel": (1, 1), "latent": 200}, (16, 16, 3)),
    ],
    ids=str,
)
def test_depth_widths_and_sizes_come_from_the_file(tmp_path, shape, image):
    found = read(save_checkpoint(tmp_path, rename_arrays(make_weights(**shape), "C")))
    generator = make_generator(found)
    assert generator.image_shape == image
    assert generator.latent == shape.get("latent", 6)


def test_what_is_not_the_generator_is_ignored_and_listed(tmp_path):
    arrays = rename_arrays(make_weights(), "A")
    arrays = {f"tower/{n}" if "moments" in n else n: array for n, array in arrays.items()}
    average = f"tower/{STATISTICS['A'][0].replace('N', '0')}"
    one = np.ones(1, np.float32)
    others: Arrays = {
        "beta1_power": one,
        "global_step": np.array(60502, np.int64),
        "d_h0_conv/w": np.ones((5, 5, 3, 8), np.float32),
        "discriminator/d_bn1/moving_mean": one,
        "g_h0_lin/Matrix/Adam": one,
        "g_bn0/gamma/Adam_1": one,
        f"{average}/biased": one,
        average.replace("_1/", "_2/"): np.ones(8, np.float32),
        average.replace("_1/", "_2/").replace("mean", "variance"): np.ones(8, np.float32),
        average.replace("tower", "sampler"): np.ones(8, np.float32),
        average.replace("tower", "sampler").replace("mean", "variance"): np.ones(8, np.float32),
        "sampler/g_h0_lin/Matrix": one,
    }

    found = read(save_checkpoint(tmp_path, arrays | others))

    assert found.ignored == tuple(sorted(others))
    assert found.sha256 == _plain(tmp_path / "plain", make_weights()).sha256


def test_any_prefix_will_do_and_a_layer_may_have_no_norm(tmp_path):
    arrays = {n: array for n, array in make_weights().items() if not n.startswith("g_bn1/")}
    plain = _plain(tmp_path / "plain", arrays).sha256
    for prefix in ("model/", "dcgan/generator/", "sampler/"):
        named = {f"{prefix}{name}": array for name, array in arrays.items()}
        found = read(save_checkpoint(tmp_path / prefix, named))
        assert found.sha256 == plain
        assert sum(isinstance(node.layer, BatchNorm) for node in found.network.nodes) == 1


def test_other_floats_become_float32(tmp_path):
    arrays = {name: array.astype(ml_dtypes.bfloat16) for name, array in make_weights().items()}
    as_float32 = {name: array.astype(np.float32) for name, array in arrays.items()}
    found = read(save_checkpoint(tmp_path / "other", rename_arrays(arrays, "C")))
    assert found.sha256 == _plain(tmp_path / "plain", as_float32).sha256


@pytest.mark.parametrize("version", ["V1", "V2"])
@pytest.mark.parametrize("name", [".", "DCGAN.model-7", "DCGAN.model-7.meta", "checkpoint"])
def test_any_of_its_paths_names_the_checkpoint(tmp_path, name, version):
    write = write_v1 if version == "V1" else _save
    write(tmp_path / "DCGAN.model-7", rename_arrays(make_weights(), "A"))
    (tmp_path / "DCGAN.model-7.meta").write_bytes(b"graph")
    (tmp_path / "checkpoint").write_text(
        'model_checkpoint_path: "DCGAN.model-7"\n', encoding="utf-8"
    )
    found = read(str(tmp_path / name))
    assert (found.path, found.format) == (str(tmp_path / "DCGAN.model-7"), f"TensorFlow {version}")


def test_a_state_file_names_a_folder_inside_or_the_one_it_was_moved_to(tmp_path):
    save_checkpoint(tmp_path / "é" / 'a"b', rename_arrays(make_weights(), "C"))
    named = str(tmp_path) + '/\\303\\251/a\\"b/DCGAN.model-7'
    for text in (named, '\\303\\251/a\\"b/DCGAN.model-7'):
        (tmp_path / "checkpoint").write_text(
            f'# a comment\nmodel_checkpoint_path: "{text}"\n', encoding="utf-8"
        )
        assert read(tmp_path / "é" / "..").path.endswith('é/a"b/DCGAN.model-7')
    moved = shutil.copytree(tmp_path / "é" / 'a"b', tmp_path / "there")
    (moved / "checkpoint").write_text(f'model_checkpoint_path: "{named}"\n', encoding="utf-8")
    assert read(moved).path == str(moved / "DCGAN.model-7")
    (moved / "DCGAN.model-7.index").unlink()
    for text in (named, '../\\303\\251/a\\"b/DCGAN.model-7'):
        (moved / "checkpoint").write_text(f'model_checkpoint_path: "{text}"\n', "utf-8")
        assert_refused(moved, "names no checkpoint in its folder", "DCGAN.model-7'")


def test_the_state_file_says_which_of_several_or_else_the_highest_step(tmp_path):
    for step in (100, 9):  # the state file names the last one written
        arrays = rename_arrays(make_weights(seed=step), "C")
        save_checkpoint(tmp_path, arrays, f"DCGAN.model-{step}")
    assert read(tmp_path).path.endswith("-9")
    (tmp_path / "checkpoint").unlink()
    assert read(tmp_path).path.endswith("-100")


def _save(prefix: Path, arrays: Arrays) -> None:
    save_checkpoint(prefix.parent, arrays, prefix.name)


def _plain(folder: Path, arrays: Arrays) -> Definition:
    return read(save_checkpoint(folder, rename_arrays(arrays, "B")))
