"""Files and networks that ganinv does not read, each with a sentence on what works instead."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

from ganinv_cli.errors import to_printable
from ganinv_cli.formats.detect import FileFacts, Format
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.torch.archive import MAGIC_BYTES
from ganinv_cli.settings.conventions import Conventions

EXPORT_TO_ONNX = (
    "export the generator to ONNX where it was made (torch.onnx.export, see ganinv inspect --help)"
)


def _begins(pattern: bytes) -> Callable[[FileFacts], bool]:
    return lambda facts: bool(re.match(pattern, facts.first_bytes, re.DOTALL | re.IGNORECASE))


def _has_member(*endings: str) -> Callable[[FileFacts], bool]:
    return lambda facts: any(f"/{name}".endswith(endings) for name in facts.members)


def _is_other_pickle(facts: FileFacts) -> bool:
    """Return whether it is a pickle that torch.save did not write."""
    head = facts.first_bytes
    is_pickle = re.match(rb"\x80[\2-\5]", head) or (head and facts.path.suffix == ".pkl")
    return bool(is_pickle) and MAGIC_BYTES not in head[:64] and not facts.is_zip


def _is_stylegan(facts: FileFacts) -> bool:
    return _is_other_pickle(facts) and bool(re.search(b"dnnlib|torch_utils", facts.first_bytes))


# what recognises a file -> the sentence, which goes on after "PATH: "; the first that fits is used
_FILES: tuple[tuple[Callable[[FileFacts], bool], str], ...] = (
    (
        lambda facts: facts.is_file and not facts.size,
        "is empty; copy it again from its source",
    ),
    (
        _has_member("/constants.pkl", "/serialized_exported_program.json", "/models/model.json"),
        "is a TorchScript or torch.export program, which is code and is not run; " + EXPORT_TO_ONNX,
    ),
    (
        _is_stylegan,
        "is a StyleGAN in a pickle with its code, which is not run; load it with NVIDIA's program "
        f"(legacy.py of stylegan2-ada-pytorch reads the oldest), and {EXPORT_TO_ONNX}",
    ),
    (
        _is_other_pickle,
        "is a pickle, but not one of torch.save; a pickle is code and is not run: in the program "
        f"that wrote it, save the weights with torch.save(G.state_dict(), …), or {EXPORT_TO_ONNX}",
    ),
    (
        lambda facts: (
            (facts.is_zip and facts.path.suffix == ".npz") or _begins(b"\x93NUMPY")(facts)
        ),
        "holds NumPy arrays, not a generator; give the generator's file, e.g. netG.pth",
    ),
    (
        _begins(rb".{4}TFL3"),
        "is a TensorFlow Lite model; give the Keras file or the SavedModel that it was made from",
    ),
    (
        lambda facts: facts.folder_matches("model_index.json"),
        "is a diffusion pipeline, which makes an image in many steps; give a generator that makes "
        "an image from a latent vector, e.g. of a GAN",
    ),
    (
        _begins(rb"\x89PNG\r\n|\xff\xd8\xff|GIF8|II\*\0|MM\0\*|RIFF.{4}WEBP|BM.{4}\0{4}"),
        "is an image, not a generator; invert it with ganinv invert IMAGE, and give the "
        "generator's file as --checkpoint, e.g. netG.pth",
    ),
    (
        lambda facts: facts.folder_matches("training.json") and not facts.folder_matches("*.index"),
        "is the folder of a training that has written no checkpoint yet; run its ganinv train "
        "again, which continues it",
    ),
    (
        lambda facts: facts.path.suffix == ".toml" and facts.is_file,
        "is a config file, not a generator; give it as --config, and the generator's file as "
        "--checkpoint, e.g. netG.pth",
    ),
    (
        _begins(rb"\x1f\x8b\x08|BZh|\xfd7zXZ|7z\xbc\xaf|\x28\xb5\x2f\xfd|.{257}ustar"),
        "is a compressed archive; unpack it, and give the generator's file in it",
    ),
    (
        _begins(rb"version https://git-lfs"),
        "is a pointer of Git LFS without the file; run git lfs pull in its folder",
    ),
    (
        _begins(rb"\s*<(!doctype|html|\?xml)"),
        "is a web page; download the file itself, on Hugging Face by the link 'download'",
    ),
    (
        lambda facts: facts.is_zip and not _has_member("/data.pkl", "/config.json")(facts),
        "is a zip archive in no format that ganinv reads; unpack it and give the generator's file "
        "in it",
    ),
)

# names of tensors in a file of weights -> the kind of network
_NETWORKS = (
    (
        r"(^|\.)(time_?(emb|mlp|proj)|post_quant_conv|diffusion_model|first_stage_model|denoise_fn)",
        "a diffusion model, which makes an image in many steps; give a generator that makes an "
        "image from a latent vector, e.g. of a GAN",
    ),
    (
        r"(?i)(^|\.)(mapping|synthesis|style|to_?rgbs?\d*)\.",
        "a StyleGAN, and weights alone do not say how its parts are joined; " + EXPORT_TO_ONNX,
    ),
)


def explain_network(names: Iterable[str]) -> str:
    """Return the kind of network by its names of tensors, with what to do; "" if unknown."""
    names = sorted(names)
    for pattern, sentence in _NETWORKS:
        for name in names:
            if re.search(pattern, name):
                return f"holds {to_printable(name)[:80]} and so is {sentence}"
    return ""


def read(path: Path, conventions: Conventions) -> NoReturn:
    """Raise UnreadableError with the sentence for the file."""
    raise UnreadableError(_find_sentence(FileFacts(path)))


def _find_sentence(facts: FileFacts) -> str:
    return next((sentence for matches, sentence in _FILES if matches(facts)), "")


FORMAT = Format(
    "a generator", read, lambda facts: bool(_find_sentence(facts)), needs_tensorflow=False
)
