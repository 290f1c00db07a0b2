# Environments of the official packages, each its own under out/parity; source it at the root, with $python and $here set.

make_environment() { # NAME IMPORT PIP-ARGUMENTS... : done once, redone when the arguments change
  local name=$1 import=$2
  shift 2
  if [ "$(cat "$here/$name/.made-with" 2>/dev/null)" = "$*" ]; then return; fi
  echo "making $here/$name"
  rm -rf "${here:?}/$name"
  "$python" -m venv "$here/$name"
  "$here/$name/bin/pip" install -qq --disable-pip-version-check "$@"
  "$here/$name/bin/python" -c "import $import"
  echo "$*" >"$here/$name/.made-with"
}

make_nuscenes() {
  mkdir -p "$here"
  make_environment nuscenes nuscenes.eval.detection.algo nuscenes-devkit==1.2.0
}

make_av2() {
  mkdir -p "$here"
  # av2 asks for torch and kornia, which scoring does not need, so its dependencies are named; numpy is pinned because
  # what its vector instructions are called, in tools/parity, changes with it
  make_environment av2 scipy numpy==2.4.6 scipy pandas polars pyarrow opencv-python-headless av joblib numba tqdm \
    pyproj rich click universal-pathlib pillow matplotlib
  [ -d "$here/av2/lib/python3."*/site-packages/av2 ] ||
    "$here/av2/bin/pip" install -qq --disable-pip-version-check --no-deps av2==0.3.6
}
