import numpy as np
from pathlib import Path
from PIL import Image, ImageOps
import ganinv_cli as ganinv
from ganinv_cli.images import to_pixels
G=ganinv.load("faces32"); z=G.draw_z(10,seed=75)
out=Path("/work/w/m75/post")
for n,p in enumerate(to_pixels(np.asarray(G(z)))):
    im=Image.fromarray(p); ImageOps.posterize(im,3).save(out/f"post-{n}.png"); 
    im.reduce(2).resize(im.size,Image.Resampling.NEAREST).save(out/f"pixel-{n}.png")
np.save(out/"z.npy",z)
