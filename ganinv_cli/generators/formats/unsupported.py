"""Files and networks that ganinv does not read, each with a sentence on what works instead."""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress

from ganinv_cli.errors import to_printable
from ganinv_cli.generators.formats.interface import FileFacts, UnreadableError
from ganinv_cli.images.files import SUFFIXES

EXPORT_TO_ONNX = (
    "export the generator to ONNX where it was made (torch.onnx.export, see ganinv inspect --help)"
)
_NOT_THE_FILE = re.compile(rb"version https://git-lfs|\s*<(!doctype|html|\?xml)", re.IGNORECASE)


def _is_other_pickle(facts: FileFacts) -> bool:
    head = facts.first_bytes
    # a safetensors file may begin so too: with the length of its header, a JSON object
    begins = re.match(rb"\x80[\2-\5](?!.{6}\{)", head, re.DOTALL)
    is_pickle = begins or (head and facts.path.suffix == ".pkl")
    return bool(is_pickle) and not facts.is_torch_stream and not facts.is_zip


def _is_results(facts: FileFacts) -> bool:
    if not facts.is_hdf5:
        return False
    import h5py  # here: most commands read no HDF5 file to name a format

    with suppress(OSError), h5py.File(facts.path) as root:
        return {"command", "identity"} <= set(root.attrs)
    return False


# what recognises a file -> the sentence, which goes on after "PATH: "; the first that fits is used
_FILES: tuple[tuple[Callable[[FileFacts], bool], str], ...] = (
    (
        lambda facts: facts.is_file and not facts.first_bytes,
        "is empty; copy it again from its source",
    ),
    (
        lambda facts: facts.is_file and facts.path.suffix.lower() in SUFFIXES,
        "is an image, not a generator; give the generator's file, e.g. netG.pth",
    ),
    (_is_results, "is a results file of ganinv, not a generator; print it with ganinv report"),
    (
        _is_other_pickle,
        "is a pickle with its code, as of a StyleGAN, which is not run; load it in the program "
        "that wrote it (NVIDIA's legacy.py for the oldest StyleGANs), and save the weights with "
        f"torch.save(G.state_dict(), …), or {EXPORT_TO_ONNX}",
    ),
    (
        lambda facts: bool(_NOT_THE_FILE.match(facts.first_bytes)),
        "is a web page or a pointer of Git LFS, not the file itself; download it, on Hugging Face "
        "by the link 'download', or run git lfs pull",
    ),
)

# names of tensors in a file of weights -> the kind of network
_NETWORKS = {
    r"(^|\.)(time_?(emb|mlp|proj)|post_quant_conv|diffusion_model|first_stage_model|denoise_fn)": (
        "a diffusion model, which makes an image in many steps; give a generator that makes an "
        "image from a latent vector, e.g. of a GAN"
    ),
    r"(?i)(^|\.)(mapping|synthesis|style|to_?rgbs?\d*)\.": (
        "a StyleGAN, and weights alone do not say how its parts are joined; " + EXPORT_TO_ONNX
    ),
}


def refuse_unsupported(facts: FileFacts) -> None:
    """Raise UnreadableError with advice if a file is of a known kind that is not read."""
    for matches, sentence in _FILES:
        if matches(facts):
            raise UnreadableError(sentence)


def explain_network(names: Iterable[str]) -> str:
    """Return the kind of network by its names of tensors, with what to do; "" if unknown."""
    names = sorted(names)
    for pattern, sentence in _NETWORKS.items():
        for name in filter(re.compile(pattern).search, names):
            return f"holds {to_printable(name)[:80]} and so is {sentence}"
    return ""
