"""What explains an image: declared once, for the results file and for the verdict."""

from typing import Annotated, Any, NamedTuple

import numpy as np


class Reenactment(NamedTuple):
    """What decides the verdict on an image: each field is a column of its certificate.

    Beside a field stand its dtype, axes after the rows, unit and flags, and then its meaning.
    """

    explained: Annotated[bool, "uint8 | - | - | flag | 1: the chain of stages explains it"]
    stages: Annotated[
        str,
        "S1023 | - | - | - | the stages of the chain, in their order, the storage last: a JSON "
        "list of [kind, [parameters]]; empty if no chain explains it",
    ]
    chain: Annotated[
        str,
        "S511 | - | - | - | the same in words, UTF-8, e.g. stored as float32; empty for rounding "
        "to 8 bits alone; of an edit or an average, what it is",
    ]
    excess: Annotated[
        float,
        "float64 | - | grey levels | - | what G(z) after the chain leaves, RMS: of pixels, or, "
        "for JPEG, beyond the quantisation cells of the luma's DCT coefficients",
    ]
    excess_limit: Annotated[
        float,
        "float64 | - | grey levels | - | what nearly all own pictures leave at most; NaN: there "
        "is none for white noise, whose level is the picture's own",
    ]
    z_explained: Annotated[
        np.ndarray,
        "float64 | latent | z | - | z after a fit with the chain; if none explains the image, of "
        "a flexible map, or else the best z",
    ]
    z_deviation: Annotated[
        np.ndarray,
        "float64 | latent | z | - | standard error of each component of z_explained, at most the "
        "prior's standard deviation",
    ]
    known_directions: Annotated[
        int,
        "int32 | - | directions | - | orthogonal directions of z whose standard error is below "
        "half the prior's standard deviation",
    ]
    reenacted: Annotated[
        Any, "uint8 | height, width, channels | - | - | G(z_explained) after the chain"
    ]
    target: Annotated[
        Any,
        "uint8 | height, width, channels | - | - | the picture that was judged: the image, or a "
        "square of its file",
    ]
    region: Annotated[
        Any,
        "uint8 | height, width | - | flag | 1: a pixel that does not count: of a border, by the "
        "mask, or because the chain leaves it out",
    ]
    tried: Annotated[int, "int32 | - | chains | - | how many chains were fitted"]
    squares: Annotated[
        int, "int32 | - | squares | - | how many squares of the file were tried as pictures"
    ]
    keeps_loss: Annotated[
        bool,
        "uint8 | - | - | flag | 1: nothing was changed, and pixels are compared, so that the image "
        "loss of a start says how well it explains the image",
    ]
    loses: Annotated[
        bool,
        "uint8 | - | - | flag | 1: the chain hides what parts the picture from those of a "
        "generator of near weights, or from a mixture",
    ]
    is_square: Annotated[
        bool, "uint8 | - | - | flag | 1: a square of the file was judged, which the chain names"
    ]
    edited: Annotated[
        bool,
        "uint8 | - | - | flag | 1: no chain explains it, but what a flexible map of G(z) leaves "
        "of it is what an edit leaves; the chain is that map in words",
    ] = False
    mixed: Annotated[
        bool,
        "uint8 | - | - | flag | 1: it is an average of two of the generator's pictures; the chain "
        "has their shares",
    ] = False
    stranger_rmse: Annotated[
        Any,
        "float64 | strangers | grey levels | - | RMSE of the best fits to averages of two of the "
        "generator's own pictures, ascending; NaN: not measured, the image is explained",
    ] = ()
