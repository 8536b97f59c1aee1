# run.sh WORKTREE VERSION GEN PART: invert in chunks of 10, JSON kept
W=$1; V=$2; G=$3; P=$4; shift 4
export PYTHONPATH=$W TF_CPP_MIN_LOG_LEVEL=2 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
export XDG_CACHE_HOME=/work/w/m75/cache-$V
C=$G; [ $G = gan-face-generate ] && C=/work/main/build/zoo/gan_face_generate/weights.tar
D=/work/w/m75/$G/$P; O=/work/w/m75/$G/$V-$P; mkdir -p $O
cd $W
ls $D | grep -v -e csv -e npy | xargs -n 10 | nl -ba -w1 | while read N F; do
  [ -s $O/$N.json ] && continue
  S=$(date +%s.%N)
  (cd $D && /work/main/.venv/bin/python -m ganinv_cli invert $F --checkpoint $C --out $O/$N.h5 --overwrite -q --format json "$@" > $O/$N.part </dev/null) && mv $O/$N.part $O/$N.json
  echo "$G $P $N $(echo "$(date +%s.%N) - $S" | bc) s" >> /work/w/m75/$V.log
done
