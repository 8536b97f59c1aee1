import json,numpy as np,sys,re
t=json.load(open(sys.argv[1]))['tables']['invert']; z=np.load('/work/w/m75/post/z.npy')
for r in t:
    n=int(re.search(r'(\d+)',r['image'])[1]); ze=np.array(r['z_explained'])
    print(r['image'],r['verdict'],'|',r['chain'],'|',round(r['excess'],3),r['excess_limit'] and round(r['excess_limit'],3),'zmax',round(np.abs(ze-z[n]).max(),4),'zrms',round(np.sqrt(np.mean((ze-z[n])**2)),4),'dev',round(r['z_deviation_mean'],4))
