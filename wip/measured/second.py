import numpy as np, sys
import ganinv_cli as ganinv
from PIL import Image
from ganinv_cli.images.load import load_picture, Crop
from ganinv_cli.reenact.fit import Renderer, fit
from ganinv_cli.reenact.known_pictures import OwnDraws
from ganinv_cli.reenact import mixtures, explain
from ganinv_cli.reenact.search import Search
import json,glob
name=sys.argv[1]
for f in glob.glob('/work/w/m75/faces32/after-strangers/*.json'):
    for r in json.load(open(f))['tables']['invert']:
        if r['image']==name: row=r
G=ganinv.load("faces32").build()
R=Renderer(G,-1,-1.0,1.0); own=OwnDraws(R)
pic=load_picture(__import__('pathlib').Path(f'/work/w/m75/faces32/strangers/{name}'),G.image_shape,Crop())
z=np.array(row['z_explained'])
S=Search(R,pic,z[None],R.compute_jacobian(z),True,pic.counted_pixels)
first=S.fit_without_change()
*_,end=S.iterate_unchanged(first)
j=explain._Judge(S,own)
print(end.chain.storage.describe(), end.excess, end.chain.storage.find_limit(end,own))
c=j._centre(end)
st=c.chain.storage.centre()
left=st.subtract(c.picture,c.counted); n=len(left)
free=len(c.z)+1,n-2*len(c.z)-1
from scipy.special import fdtri
print('n',n,'rms left',np.sqrt(np.mean(left**2)),'free',free, 'F',fdtri(*free,1-1e-6),'most',1+1.5*fdtri(*free,1-1e-6)*free[0]/free[1])
starts=mixtures._find_starts(R,own,c,0.0)
cor=mixtures.CHANCE/n**.5
print('needed corr',cor, 'starts with limit', len(mixtures._find_starts(R,own,c,cor)))
for s in starts:
    e=fit(mixtures.Average(R),c.chain,s,c.parameters,c.counted,40,steep=.96)
    rest=st.subtract(e.picture,c.counted)
    print('w',e.z[-1],'ratio',float(left@left)/float(rest@rest),'norms',[np.linalg.norm(x) for x in np.split(e.z[:-1],2)])
