"""No file can run code, open another file, or exceed the limits on memory and size."""

import base64
import json
import marshal
import os
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras_files as kf
import keras_models as km
import numpy as np
import pytest
from builders import assert_refused

from ganinv_cli import formats
from ganinv_cli.errors import CheckpointError

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def _marking(marker: Path) -> kf.Config:
    """A Lambda layer as Keras 2 and 3 keep it: the code of a function, which makes a file."""
    code = compile(f"lambda x: open({str(marker)!r}, 'w')", "x", "eval").co_consts[0]
    packed = base64.b64encode(marshal.dumps(code)).decode()
    value = {"code": packed, "defaults": None, "closure": None}
    function = {"class_name": "__lambda__", "config": value}
    return kf.layer_config("Lambda", "evil", function=function, output_shape=None, arguments={})


def test_a_lambda_layer_is_refused_and_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    config = kf.sequential_config(_marking(marker))
    for path in (
        kf.write_archive(tmp_path / "g.keras", config),
        kf.write_hdf5(tmp_path / "g.h5", config),
    ):
        assert_refused(path, "evil is a Lambda layer, which is code; ganinv runs none", "--trust")
    assert not marker.exists()


@pytest.mark.parametrize(
    "layer",
    [
        kf.layer_config("system", "odd", module="os", command="true"),
        kf.layer_config("Dense", "odd", module="builtins", units=3),
        kf.layer_config("Custom>Dense", "odd", units=3),
        {**kf.layer_config("Dense", "odd", units=3), "registered_name": "mine>Dense"},
        kf.layer_config("TFSMLayer", "odd", filepath="/tmp/saved"),
    ],
    ids=["os", "builtins", "custom", "registered", "TFSMLayer"],
)
def test_a_class_that_is_not_kerass_own_is_refused(layer: kf.Config, tmp_path: Path) -> None:
    for path in (
        kf.write_archive(tmp_path / "g.keras", kf.sequential_config(layer)),
        kf.write_archive(
            tmp_path / "f.keras", kf.functional_config([(layer, kf.inbound_nodes("z"))], "odd")
        ),
    ):
        assert_refused(path, "odd is", "which is code; ganinv runs none")


def test_a_model_of_a_class_of_its_own_is_refused(tmp_path: Path) -> None:
    config = {"module": "my_gan", "class_name": "Generator", "config": {}, "registered_name": "G"}
    assert_refused(
        kf.write_archive(tmp_path / "g.keras", config), "'Generator'", "layers are in its code"
    )


def test_an_activation_that_is_a_function_of_ones_own_is_refused(tmp_path: Path) -> None:
    told = {"module": "os", "class_name": "function", "config": "tanh", "registered_name": "tanh"}
    layer = kf.layer_config("Activation", "odd", activation=told)
    assert_refused(kf.write_archive(tmp_path / "g.keras", kf.sequential_config(layer)), "odd is")


def test_archives_that_are_no_models_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "g.keras"
    path.write_text("a text")
    assert_refused(path, "is not a ")
    path.write_bytes(b"PK\5\6" + bytes(18))
    assert_refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(kf.sequential_config()))
    assert_refused(path, "without model.weights.h5")


def test_an_archive_that_unpacks_to_more_than_a_model_is_refused(tmp_path: Path) -> None:
    packed = {"compression": zipfile.ZIP_DEFLATED}
    path = kf.write_archive(tmp_path / "g.keras", " " * (1 << 23), **packed)
    assert_refused(path, "config.json in it has 8,388,608 bytes, but at most 4,194,304")
    path = kf.write_archive(tmp_path / "g.keras", kf.sequential_config(), bytes(1000))
    content = path.read_bytes()
    entry = content.index(b"PK\1\2", content.index(b"PK\1\2", content.index(b"PK\1\2") + 1) + 1)
    huge = (4_000_000_000).to_bytes(4, "little")  # the size that the central directory declares
    path.write_bytes(content[: entry + 24] + huge + content[entry + 28 :])
    assert_refused(path, "model.weights.h5 in it has 4,000,000,000 bytes")


def _dense(path: Path, kernel: Any) -> Path:
    """A generator of one dense layer, whose kernel is made by the function."""
    with h5py.File(path.with_name("w"), "w") as file:
        held = file.create_group("layers/dense/vars")
        kernel(held)
    layers = [kf.layer_config("Dense", "dense", units=16, use_bias=False)]
    layers.append(kf.layer_config("Reshape", "end", target_shape=[4, 4, 1]))
    return kf.write_archive(path, kf.sequential_config(*layers), path.with_name("w").read_bytes())


def test_weights_in_another_file_are_not_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["kernel"] = np.ones((4, 16), np.float32)
    raw = tmp_path / "raw"
    raw.write_bytes(bytes(4 * 4 * 16))
    layout = h5py.VirtualLayout((4, 16), np.float32)
    layout[:] = h5py.VirtualSource(str(secret), "kernel", (4, 16))

    def external(held: h5py.Group) -> None:
        held["0"] = h5py.ExternalLink(str(secret), "kernel")

    def soft(held: h5py.Group) -> None:
        held["0"] = h5py.SoftLink("/elsewhere")

    def storage(held: h5py.Group) -> None:
        held.create_dataset("0", (4, 16), np.float32, external=[(str(raw), 0, 256)])

    def virtual(held: h5py.Group) -> None:
        held.create_virtual_dataset("0", layout)

    for kernel in (external, soft):
        assert_refused(_dense(tmp_path / "g.keras", kernel), "is a link that leads elsewhere")
    for kernel in (storage, virtual):
        assert_refused(_dense(tmp_path / "g.keras", kernel), "keeps its values in another file")


def test_a_group_in_another_file_is_not_opened(tmp_path: Path) -> None:
    path = km.save_model(tmp_path, km.build_model("dcgan_16"), "g.h5")
    with h5py.File(path, "r+") as file:
        del file["model_weights"]
        file["model_weights"] = h5py.ExternalLink("g.h5", "/")
    assert_refused(path, "model_weights is a link that leads elsewhere")


def test_arrays_are_looked_at_before_they_are_read(tmp_path: Path) -> None:
    def vast(held: h5py.Group) -> None:
        held.create_dataset("0", (1 << 40, 16), np.float32, chunks=(1 << 10, 16))

    def blocky(held: h5py.Group) -> None:
        about = {"maxshape": (None, 16), "chunks": (1 << 24, 16), "compression": "gzip"}
        held.create_dataset("0", (4, 16), np.float32, **about)

    def text(held: h5py.Group) -> None:
        held.create_dataset("0", (4, 16), h5py.string_dtype())

    def whole(held: h5py.Group) -> None:
        held.create_dataset("0", (4, 16), np.int8)

    for kernel, says in (
        (vast, "expects a kernel of 4 x 16, found 1099511627776 x 16"),
        (blocky, "is larger than 100,000,000 values"),
        (text, "holds object, but floats were expected"),
        (whole, "holds int8, but floats were expected"),
    ):
        assert_refused(_dense(tmp_path / "g.keras", kernel), says)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["g.keras", "g.h5"])
def test_a_damaged_file_is_refused_or_read_but_never_ends_the_program(
    name: str, tmp_path: Path
) -> None:
    path = km.save_model(tmp_path, km.build_model("dcgan_16"), name)
    content, random = path.read_bytes(), np.random.default_rng(0)
    for kept in (0.1, 0.5, 0.9, 0.999):
        path.write_bytes(content[: int(len(content) * kept)])
        assert_refused(path)
    for _ in range(30):
        spoilt = bytearray(content)
        for place in random.integers(0, len(content), 3):
            spoilt[place] ^= 255
        path.write_bytes(spoilt)
        try:
            formats.read(path)
        except CheckpointError as error:
            assert os.fspath(path) in str(error)


def test_texts_that_the_hdf5_library_would_read_without_an_end_are_refused(tmp_path: Path) -> None:
    """A collection of texts whose free space has size 0; the library would loop forever."""
    path = km.save_model(tmp_path, km.build_model("dcgan_16"), "g.h5")
    content = bytearray(path.read_bytes())
    at = content.index(b"GCOL\1") + 16
    while number := int.from_bytes(content[at : at + 2], "little"):
        at += 16 + -(-int.from_bytes(content[at + 8 : at + 16], "little") // 8) * 8
        assert number < 100
    content[at + 8 : at + 16] = bytes(8)
    path.write_bytes(content)
    assert_refused(path, "cannot be read as HDF5", "heap of its texts is damaged")


def test_weights_that_are_not_there_are_not_allocated(tmp_path: Path) -> None:
    dense = kf.layer_config("Dense", "dense", units=1024 * 1024 * 3, use_bias=False)
    shape = kf.layer_config("Reshape", "r", target_shape=[1024, 1024, 3])
    with h5py.File(tmp_path / "w.h5", "w") as file:  # 50 MB of no values
        file.create_dataset("layers/dense/vars/0", (4, 1024 * 1024 * 3), "f4", chunks=(4, 1024))
    weights = (tmp_path / "w.h5").read_bytes()
    assert len(weights) < 10_000
    path = kf.write_archive(tmp_path / "g.keras", kf.sequential_config(dense, shape), weights)
    assert_refused(path, "/layers/dense/vars/0 has 50,331,648 bytes, of which 0 are there")


def test_an_archive_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path: Path) -> None:
    config = kf.sequential_config()
    path = kf.write_archive(
        tmp_path / "g.keras", config, bytes(1 << 26), compression=zipfile.ZIP_DEFLATED
    )
    assert path.stat().st_size < 1 << 17
    assert_refused(path, "model.weights.h5 in it has ", "which weights do not")
