"""A checkpoint or config is found by path, by name, from any folder."""

from pathlib import Path

import pytest

from ganinv_cli.errors import CheckpointError, ConfigError
from ganinv_cli.settings import shipped as shipped_
from ganinv_cli.settings.machine import is_mixed_precision


@pytest.fixture(params=["wheel", "checkout"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a checkpoint and two configs, used from an empty folder."""
    package = tmp_path / "root" / "ganinv_cli"
    shipped = package / "shipped" if request.param == "wheel" else package.parent
    (shipped / "checkpoints" / "portraits64").mkdir(parents=True)
    (shipped / "checkpoints" / "portraits64" / "DCGAN.model-9.index").touch()
    (shipped / "checkpoints" / "README.md").touch()
    (shipped / "configs").mkdir()
    (shipped / "configs" / "quick.toml").touch()
    (shipped / "configs" / "recover.toml").touch()
    package.mkdir(exist_ok=True)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.setattr(shipped_, "_PACKAGE", package)
    return shipped


@pytest.mark.parametrize("name", ["configs/quick.toml", "./configs/quick", "quick.toml", "quick"])
def test_a_shipped_config_has_one_place_and_four_spellings(root: Path, name: str) -> None:
    assert shipped_.find("config", name) == root / "configs" / "quick.toml"


@pytest.mark.parametrize("name", ["checkpoints/portraits64", "portraits64", "portraits64/"])
def test_a_shipped_checkpoint_is_found_from_any_folder(root: Path, name: str) -> None:
    assert shipped_.find("checkpoint", name) == root / "checkpoints" / "portraits64"


def test_a_checkpoint_may_be_the_prefix_of_its_files(root: Path) -> None:
    found = shipped_.find("checkpoint", "portraits64/DCGAN.model-9")
    assert found == root / "checkpoints" / "portraits64" / "DCGAN.model-9"
    Path("mine-3.index").touch()
    assert shipped_.find("checkpoint", "mine-3") == Path("mine-3")


def test_the_users_own_comes_before_the_shipped(root: Path) -> None:
    Path("configs").mkdir()
    Path("configs/quick.toml").touch()
    Path("portraits64").mkdir()
    assert shipped_.find("config", "configs/quick.toml") == Path("configs/quick.toml")
    assert shipped_.find("checkpoint", "portraits64") == Path("portraits64")


def test_a_folder_of_results_does_not_hide_a_config(root: Path) -> None:
    Path("recover").mkdir()
    assert shipped_.find("config", "recover") == root / "configs" / "recover.toml"


@pytest.mark.parametrize("name", ["nothing", "configs", ""])
def test_a_missing_config_is_explained(root: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"no such config in .*empty; .*: quick, recover$"):
        shipped_.find("config", name)


@pytest.mark.parametrize("name", ["../configs/quick", "/configs/quick", "quik", "qiuck.toml"])
def test_a_config_of_nearly_that_name_is_suggested(root: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"no such config in .*empty; did you mean quick\?$"):
        shipped_.find("config", name)


@pytest.mark.parametrize("name", ["nothing", "checkpoints", "checkpoints/nothing"])
def test_a_missing_checkpoint_is_explained(root: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match=rf"^{name}: .*: portraits64$"):
        shipped_.find("checkpoint", name)


def test_the_checkout_ships_what_the_defaults_name() -> None:
    assert "portraits64" in shipped_.list_shipped("checkpoint")
    assert {"quick", "recover", "paper-text", "paper-code"} <= set(shipped_.list_shipped("config"))


AMX = "flags\t\t: fpu sse2 avx512f amx_bf16 avx512_fp16\n"
AVX = "flags\t\t: fpu sse2 avx512_bf16\n"
OLD = "flags\t\t: fpu sse2 avx512f avx512_bf16_not amx\n"


@pytest.mark.parametrize(
    ("precision", "gpu", "cpuinfo", "mixed"),
    [
        ("auto", False, AMX, True),
        ("auto", False, AVX, True),
        ("auto", False, OLD, False),
        ("auto", False, "", False),  # no Linux
        ("auto", True, "", True),
        ("float32", True, AMX, False),
        ("mixed", False, "", True),
    ],
)
def test_gradients_are_bfloat16_where_that_is_fast_or_asked_for(
    precision: str, gpu: bool, cpuinfo: str, mixed: bool
) -> None:
    assert is_mixed_precision(precision, gpu, cpuinfo) == mixed
