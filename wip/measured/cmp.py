"""cmp.py GEN PART: verdicts before and after."""
import json,glob,csv,sys
from collections import Counter
gen,part=sys.argv[1:3]; ver=sys.argv[3] if len(sys.argv)>3 else 'after'
before={(r['part'],r['image']):r for r in csv.DictReader(open(f'/work/w/wip/measured/before-{gen}.csv'))} if part!='hidden' else {}
n=0; cb=Counter(); ca=Counter(); changed=[]
for f in sorted(glob.glob(f'/work/w/m75/{gen}/{ver}-{part}/*.json'),key=lambda p:int(p.split('/')[-1][:-5])):
    t=json.load(open(f))['tables']['invert']
    for r in t:
        name=r['image'].split('/')[-1]; b=before.get((part,name)); n+=1; ca[r['verdict']]+=1
        if b: cb[b['verdict']]+=1
        if b is None or b['verdict']!=r['verdict'] or b['chain']!=(r.get('chain') or ''):
            changed.append((name,b and b['verdict'],b and b['chain'],b and b['excess'][:5],r['verdict'],r.get('chain'),f"{r.get('excess') or 0:.2f}", r.get('excess_limit')))
print(n,'before',dict(cb),'after',dict(ca))
for c in changed: print(*c,sep=' | ')
