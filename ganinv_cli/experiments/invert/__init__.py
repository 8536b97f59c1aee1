"""Find the latent vectors of images, each with a verdict.

Takes image files, NumPy files (.npy, .npz) and folders. Prints for each image whether the
generator made it, what was done to it since, and how sure z is. The same command continues a run
that was stopped.

\b
Examples:
    ganinv invert portrait.png
    ganinv invert faces/ more/*.jpg --mask glasses.png --npz z.npz
    ganinv invert portrait.png --checkpoint portraits64 --checkpoint other.pt
\f

What may have been done to an image: JPEG, a resize, shift or crop, other colours, noise. What
that leaves is printed too. Pictures of original, reconstruction and difference are written to the
folder.

New images are added to the results file. Images that it holds, under this or another name, are
not inverted again. The folder and `ganinv report invert.h5` show all of them.

Each of several generators gets its own results file, e.g. invert-portraits64.h5. `ganinv report`
on these files prints the answer again: which generator made each image, or that none explains it.

Floats of the generator's own size are not rounded to 8 bits. A file that is not an image is
skipped, and the exit status is 1. If no file is an image, the exit status is 2.
"""

from ganinv_cli.experiments.experiment import Experiment
from ganinv_cli.experiments.invert.config import InvertConfig

EXPERIMENT = Experiment(
    __name__,
    help=__doc__,
    config=InvertConfig,
    first=("trials", "checkpoint", "crop", "mask", "device", "out", "npz", "style"),
    plan="ganinv_cli.experiments.image_plan:ImagesPlan",
    report="ganinv_cli.results.report.images:INVERT_REPORT",
    order=4,
    inverts=True,
    example="""
        >>> G = ganinv.load("faces16")
        >>> z = G.draw_z(2, seed=3)
        >>> r = ganinv.invert(G, G(z), starts=2, seed=0)
        >>> r.z.shape, r.verdict
        ((2, 100), ['made', 'made'])
        >>> bool(abs(r.z - z).max() < 1e-4), r.agreement.tolist(), r.inside.tolist()
        (True, [1.0, 1.0], [True, True])
    """,
)
