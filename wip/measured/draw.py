"""Draw the pictures of the measurement: own under listed kinds, strangers, mixtures, hidden mixtures."""
import sys, io
from pathlib import Path
import numpy as np
from PIL import Image, ImageOps, ImageFilter
from benchmarks.verdicts.sample import draw, LISTED, STRANGER
from benchmarks.verdicts.generators import load_generator, draw_z, render
gen, own, strangers, mixtures, hidden = sys.argv[1], *map(int, sys.argv[2:6])
folder = Path("/work/w/m75") / gen
draw(gen, [(LISTED, n) for n in range(own)], folder / "own")
draw(gen, [(STRANGER, n) for n in range(strangers)], folder / "strangers")
G = load_generator(gen)
def mix(random, share):
    one, other = render(G, draw_z(G, random, 2)).astype(float)
    return share * one + (1 - share) * other, one, other
def to(p): return Image.fromarray(np.rint(np.clip(p, 0, 255)).astype(np.uint8))
m = folder / "mixtures"; m.mkdir(parents=True, exist_ok=True)
for n in range(mixtures):
    random = np.random.default_rng([75, n, *gen.encode()])
    share = (.5, .65, .8, .9, .95)[n % 5]
    to(mix(random, share)[0]).save(m / f"mix-{n:03d}-{int(100*share)}.png")
KINDS = {"posterise": lambda p, o, r, d: ImageOps.posterize(to(p), 3),
 "palette": lambda p, o, r, d: to(p).quantize(32).convert("RGB"),
 "blur": lambda p, o, r, d: to(p).filter(ImageFilter.GaussianBlur(p.shape[1] / 16)),
 "noise": lambda p, o, r, d: to(r.normal(p, d))}
h = folder / "hidden"; h.mkdir(parents=True, exist_ok=True)
for kind, apply in KINDS.items():
    for n in range(hidden):
        random = np.random.default_rng([76, n, *(gen + kind).encode()])
        share = (.5, .6, .7, .8, .9)[n % 5]
        p, one, other = mix(random, share)
        d = float(np.sqrt(np.mean((p - one) ** 2)))  # what separates the average from the picture of the larger share
        d *= (1.0, 1.5)[n // 5 % 2]
        apply(p, one, random, d).save(h / f"{kind}-{n:03d}-{int(round(100*share))}.png")
