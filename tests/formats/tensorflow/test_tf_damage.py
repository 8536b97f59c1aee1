"""Missing, damaged and foreign files are refused in a sentence that says what to do."""

import os
from pathlib import Path

import pytest
import tensorflow as tf
from builders import assert_refused, make_weights, save_checkpoint, write_v1


def test_no_such_path(tmp_path: Path) -> None:
    assert_refused(tmp_path / "no" / "model-1", "no/model-1 does not exist", "name a folder")


def test_a_name_no_file_can_have(tmp_path: Path) -> None:
    assert_refused(tmp_path / ("x" * 300), "cannot be read (File name too long)")


def test_an_empty_folder(tmp_path: Path) -> None:
    assert_refused(
        tmp_path, str(tmp_path), "is a folder without a generator", "NAME.index and NAME.data-"
    )


def test_the_folder_above_says_where_the_checkpoint_is(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "celebA_64", make_weights())
    assert_refused(tmp_path, f"give the folder inside it that does: {tmp_path / 'celebA_64'}")


@pytest.mark.parametrize("name", [".", "checkpoint", "DCGAN.model-7", "DCGAN.model-7.index"])
def test_an_index_without_its_data_names_the_missing_file(tmp_path: Path, name: str) -> None:
    save_checkpoint(tmp_path, make_weights())
    (tmp_path / "DCGAN.model-7.data-00000-of-00001").unlink()
    assert_refused(
        tmp_path / name, "DCGAN.model-7.index is there", "DCGAN.model-7.data-00000-of-00001"
    )


def test_one_missing_file_of_several_is_named(tmp_path: Path) -> None:
    prefix = save_checkpoint(tmp_path, make_weights())
    prefix.with_name("DCGAN.model-7.data-00000-of-00001").rename(f"{prefix}.data-00000-of-00002")
    assert_refused(prefix, "DCGAN.model-7.data-00001-of-00002 is not")


def test_data_without_its_index_names_the_missing_file(tmp_path: Path) -> None:
    prefix = save_checkpoint(tmp_path, make_weights())
    prefix.with_name("DCGAN.model-7.index").unlink()
    assert_refused(prefix, "DCGAN.model-7.index is missing")
    assert_refused(tmp_path, "DCGAN.model-7.index is missing")


@pytest.mark.parametrize("name", [".", "DCGAN.model-7.meta", "DCGAN.model-7"])
def test_a_graph_alone_has_no_weights(tmp_path: Path, name: str) -> None:
    (tmp_path / "DCGAN.model-7.meta").write_bytes(b"graph")
    assert_refused(
        tmp_path / name, "DCGAN.model-7.meta holds the graph only", "DCGAN.model-7.index"
    )


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "garbage").write_bytes(bytes(range(256)))
    assert_refused(
        tmp_path / "garbage", "garbage is in no format that ganinv reads", "no garbage.index"
    )


def test_garbage_under_the_names_of_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "m.index").write_bytes(bytes(range(256)))
    (tmp_path / "m.data-00000-of-00001").write_bytes(b"")
    assert_refused(
        tmp_path / "m", f"{tmp_path / 'm'}:", "cannot be opened", "damaged", "copy it again"
    )


def test_a_state_file_that_names_nothing(tmp_path: Path) -> None:
    for content in (b"", b"\xff\x00garbage", b'model_checkpoint_path: ""'):
        (tmp_path / "checkpoint").write_bytes(content)
        assert_refused(tmp_path, "checkpoint does not name a checkpoint")


def test_a_state_file_that_names_what_is_gone(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, make_weights())
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "/gone/DCGAN.model-9"')
    assert_refused(
        tmp_path, "names '/gone/DCGAN.model-9', which is not there", "name one", "model-7"
    )


@pytest.mark.parametrize("kept", [0.5, 0.999])
def test_data_that_was_cut_short(tmp_path: Path, kept: float) -> None:
    data = save_checkpoint(tmp_path, make_weights()).with_name("DCGAN.model-7.data-00000-of-00001")
    data.write_bytes(data.read_bytes()[: int(data.stat().st_size * kept)])
    assert_refused(tmp_path, "cannot be read, the file is damaged or incomplete")


def test_one_wrong_byte_of_data(tmp_path: Path) -> None:
    data = save_checkpoint(tmp_path, make_weights()).with_name("DCGAN.model-7.data-00000-of-00001")
    data.write_bytes(_spoilt(data.read_bytes()))
    assert_refused(tmp_path, "damaged or incomplete")


def test_one_wrong_byte_of_the_index(tmp_path: Path) -> None:
    index = save_checkpoint(tmp_path, make_weights()).with_name("DCGAN.model-7.index")
    index.write_bytes(_spoilt(index.read_bytes()))
    assert_refused(tmp_path, "cannot be opened", "damaged", "copy it again")


def test_an_index_that_would_end_the_process_is_refused_before(tmp_path: Path) -> None:
    """TensorFlow aborts if such an entry has a valid checksum, so it must not read the entry."""
    index = save_checkpoint(tmp_path, make_weights()).with_name("DCGAN.model-7.index")
    content = index.read_bytes()
    name = content.index(b"g_bn0/beta") + len(b"g_bn0/beta")
    index.write_bytes(content[:name] + b"\xff" * 8 + content[name + 8 :])
    assert_refused(tmp_path, "the index is damaged or not one that TensorFlow wrote")


def test_one_wrong_byte_of_a_v1_file(tmp_path: Path) -> None:
    write_v1(tmp_path / "m", make_weights())
    (tmp_path / "m").write_bytes(_spoilt((tmp_path / "m").read_bytes()))
    assert_refused(tmp_path / "m", "damaged or incomplete")


def test_a_v1_file_that_was_cut_short(tmp_path: Path) -> None:
    write_v1(tmp_path / "m", make_weights())
    (tmp_path / "m").write_bytes((tmp_path / "m").read_bytes()[:-100])
    assert_refused(tmp_path / "m", "is in no format that ganinv reads")


@pytest.mark.parametrize("version", ["V1", "V2"])
def test_tensors_larger_than_their_files_are_refused(tmp_path: Path, version: str) -> None:
    """A part of a tensor can be saved alone, with the shape of the whole."""
    prefix = str(tmp_path / "m")
    row, whole = tf.zeros((1, 1000)), "200000 1000 0,1:-"
    if version == "V2":
        tf.raw_ops.SaveV2(
            prefix=prefix, tensor_names=["a"], shape_and_slices=[whole], tensors=[row]
        )
    else:
        tf.raw_ops.SaveSlices(
            filename=prefix, tensor_names=["a"], shapes_and_slices=[whole], data=[row]
        )
    assert_refused(tmp_path / "m", "a has 200000 x 1000 values, and the files ", "copy it again")


def test_a_name_that_tensorflow_cannot_open_is_said(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"a\xff")
    save_checkpoint(tmp_path / "a", make_weights())
    (tmp_path / "a").rename(folder)
    assert_refused(folder, "has a name that is not UTF-8, which TensorFlow cannot open; rename it")


def _spoilt(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]
