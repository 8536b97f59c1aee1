"""Checkpoints, configs and TOML files are found and read, and wrong ones explained."""

from pathlib import Path

import pytest

from ganinv_cli import precision
from ganinv_cli.errors import CheckpointError, ConfigError
from ganinv_cli.experiments.recover.config import RecoverConfig
from ganinv_cli.generators.formats import read_conventions
from ganinv_cli.precision import choose_precision
from ganinv_cli.settings import shipped as shipped_
from ganinv_cli.settings.conventions import Conventions
from ganinv_cli.settings.load import load_config


@pytest.fixture(params=["wheel", "checkout"])
def root(request, tmp_path, monkeypatch):
    """A package with a checkpoint and two configs, used from an empty folder."""
    package = tmp_path / "root" / "ganinv_cli"
    shipped = package / "shipped" if request.param == "wheel" else package.parent
    (shipped / "checkpoints" / "portraits64").mkdir(parents=True)
    (shipped / "checkpoints" / "portraits64" / "DCGAN.model-9.index").touch()
    (shipped / "configs").mkdir()
    for name in ("paper.toml", "other.toml"):
        (shipped / "configs" / name).touch()
    package.mkdir(exist_ok=True)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.setattr(shipped_, "_PACKAGE", package)
    return shipped


def test_what_ships_is_found_from_any_folder_in_several_spellings(root):
    for name in ("configs/paper.toml", "./configs/paper", "paper.toml", "paper"):
        assert shipped_.find("config", name) == root / "configs" / "paper.toml"
    folder = root / "checkpoints" / "portraits64"
    for name in ("checkpoints/portraits64", "portraits64", "portraits64/"):
        assert shipped_.find("checkpoint", name) == folder
        assert shipped_.find("checkpoint", f"{name}/DCGAN.model-9") == folder / "DCGAN.model-9"


def test_the_users_own_comes_before_the_shipped(root):
    for name in ("configs", "portraits64", "other"):
        Path(name).mkdir()
    Path("configs/paper.toml").touch()
    assert shipped_.find("config", "configs/paper.toml") == Path("configs/paper.toml")
    folder = root / "checkpoints" / "portraits64"
    assert shipped_.find("checkpoint", "portraits64") == folder  # tables of portraits64.h5
    Path("portraits64/model.index").touch()
    assert shipped_.find("checkpoint", "portraits64") == Path("portraits64")
    assert shipped_.find("config", "other") == root / "configs" / "other.toml"  # of results


def test_a_missing_file_is_explained(root):
    for name, words in (
        ("nothing", "that ships: other, paper$"),
        ("../configs/paper", r"did you mean paper\?$"),
        ("papre.toml", r"did you mean paper\?$"),
    ):
        with pytest.raises(ConfigError, match=rf"^{name}.*{words}"):
            shipped_.find("config", name)
    with pytest.raises(CheckpointError, match=r"that ships: portraits64$"):
        shipped_.find("checkpoint", "checkpoints/nothing")


WRONG = {
    "brackets": (b"seed = " + b"[" * 100_000, "is not TOML ("),
    "a long value": (b'seed = "' + b"x" * 100_000 + b'"', 'seed = "xxx'),
    "Latin-1": ('prior = "caf\xe9"'.encode("latin-1"), "is not TOML ('utf-8' codec"),
    "no TOML": (b"seed 1", "is not TOML (Expected"),
    "another key": (b"sed = 1", ": sed is not a setting"),
}


def read(kind, folder, content):
    """Return a setting of a config, or of a file of conventions; named `seed` in the content."""
    path = folder / "generator.toml"
    if kind == "config":
        path.write_bytes(content)
        return load_config(RecoverConfig, path, {}).seed
    path.write_bytes(content.replace(b"seed", b"labels"))
    return read_conventions(folder, Conventions())[0].labels


@pytest.mark.parametrize("kind", ["config", "conventions"])
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_toml_file_is_refused_in_a_sentence(name, kind, tmp_path):
    content, words = WRONG[name]
    with pytest.raises(ConfigError) as refused:
        read(kind, tmp_path, content)
    sentence = str(refused.value)
    assert sentence.startswith(str(tmp_path / "generator.toml"))
    assert words.replace("seed", "seed" if kind == "config" else "labels") in sentence
    assert len(sentence) < len(str(tmp_path)) + 600


@pytest.mark.parametrize("kind", ["config", "conventions"])
def test_windows_files_are_read(kind, tmp_path):
    """Notepad writes a byte order mark."""
    assert read(kind, tmp_path, b"\xef\xbb\xbf# sizes\r\nseed = 12\r\n") == 12


def test_a_config_that_cannot_be_read_is_explained(tmp_path):
    for path in (tmp_path / "own.toml", tmp_path):
        with pytest.raises(ConfigError, match=f"^{path} cannot be read"):
            load_config(RecoverConfig, path, {})


@pytest.mark.parametrize(
    ("flag", "variable", "value", "fast"),
    [
        ("amx_bf16", "ONEDNN_MAX_CPU_ISA", "", True),
        ("avx512_bf16", "ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16", True),
        ("avx512_bf16_not", "ONEDNN_MAX_CPU_ISA", "DEFAULT", False),
        ("amx_bf16", "ONEDNN_MAX_CPU_ISA", "AVX512_CORE", False),
        ("amx_bf16", "ONEDNN_MAX_CPU_ISA", "avx2_vnni_2", False),
        ("amx_bf16", "TF_ENABLE_ONEDNN_OPTS", "0", False),
    ],
)
def test_gradients_are_bfloat16_if_that_is_fast(monkeypatch, flag, variable, value, fast):
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr(precision, "read_cpuinfo", lambda: f"flags\t\t: fpu {flag}\n")
    assert (choose_precision("auto", gpu=False) == "mixed") == fast
    assert choose_precision("auto", gpu=True) == "mixed"
    assert choose_precision("float32", gpu=True) == "float32"
    if fast:
        assert choose_precision("mixed", gpu=False) == "mixed"
    else:
        with pytest.raises(ConfigError, match=r"^precision = mixed: .* leave --precision out$"):
            choose_precision("mixed", gpu=False)
