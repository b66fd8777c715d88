#!/bin/sh
# Gathers a finished OpenFace into one folder that carries its own system, so that it runs on any other:
#
#   PREFIX/bin   the two programs, with their models beside them, where OpenFace looks for them
#   PREFIX/lib   every shared library that they load, libc included, and the loader that starts them, as ld.so
#
# Runs inside the OpenFace image, which may be as old as Ubuntu 14.04: POSIX shell, coreutils and ldd.
#
# usage: gather-openface.sh PREFIX [FOLDER]    FOLDER: of the programs; looked for when it is empty
set -eu

prefix=$1
# openface_runner/openface/installation.py looks in the same places.
places=${2:-/opt/openface/bin /home/openface-build/build/bin /usr/local/bin /opt/OpenFace/build/bin /root/openface/build/bin}
shared_models=/usr/local/etc/OpenFace
programs="FaceLandmarkImg FeatureExtraction"

fail() {
  echo "gather-openface: $1" >&2
  exit 1
}

# The folder of the programs.
place=
for candidate in $places; do
  if [ -e "$candidate/FaceLandmarkImg" ]; then
    place=$(dirname "$(readlink -f "$candidate/FaceLandmarkImg")")
    break
  fi
done
[ -n "$place" ] || fail "FaceLandmarkImg is in none of: $places. Is OPENFACE_IMAGE an image of OpenFace? \
If it keeps its programs elsewhere, name their folder with --build-arg OPENFACE_DIR=…"
for program in $programs; do
  [ -x "$place/$program" ] || fail "the program $program is missing in $place, or isn't executable. \
Take an OpenFace image that was built to its end."
done
echo "gather-openface: OpenFace is in $place"

mkdir -p "$prefix/bin" "$prefix/lib"
for program in $programs; do
  cp -L "$place/$program" "$prefix/bin/$program"
done

# The models: beside the programs, or in the folder that an installed OpenFace uses. classifiers holds the Haar
# cascades, without which OpenFace falls back to its other face detectors.
for models in model AU_predictors classifiers; do
  for folder in "$place" "$shared_models"; do
    if [ -d "$folder/$models" ]; then
      cp -RL "$folder/$models" "$prefix/bin/$models"
      break
    fi
  done
done
for models in model AU_predictors; do
  [ -d "$prefix/bin/$models" ] || fail "the models in the folder $models are missing, beside $place/FaceLandmarkImg and in \
$shared_models. Download OpenFace's models into the OpenFace image, as its wiki says."
done

# ldd resolves the libraries as the system does that OpenFace was built on: by its rpath, its ld.so.conf, everything.
for program in $programs; do
  loaded=$(ldd "$place/$program") || fail "ldd can't tell what $place/$program loads: $loaded"
  missing=$(echo "$loaded" | sed -n 's/^[[:space:]]*\([^[:space:]]*\) => not found.*/\1/p' | tr '\n' ' ')
  [ -z "$missing" ] || fail "$program needs libraries that the OpenFace image doesn't have: $missing. Install them there."
  # "name => /path (address)", and for the loader "/path (address)".
  echo "$loaded" | sed -n 's/^[[:space:]]*\([^[:space:]]*\) => \(\/[^ ]*\) (0x.*/\1 \2/p' | while read -r name path; do
    cp -L "$path" "$prefix/lib/$(basename "$name")"
  done
  loader=$(echo "$loaded" | sed -n 's/^[[:space:]]*\(\/[^ ]*\) (0x.*/\1/p' | head -n 1)
  [ -n "$loader" ] || fail "$place/$program names no dynamic loader. A static program needs none of this; it is unknown here."
  cp -L "$loader" "$prefix/lib/ld.so"
done
# glibc loads this one by name when a thread is cancelled, so that ldd need not tell of it.
libc=$(ldd "$place/FaceLandmarkImg" | sed -n 's/.*libc\.so\.6 => \(\/[^ ]*\) .*/\1/p')
unwinder=$(dirname "${libc:-/lib/none}")/libgcc_s.so.1
[ -e "$prefix/lib/libgcc_s.so.1" ] || [ ! -e "$unwinder" ] || cp -L "$unwinder" "$prefix/lib/"

chmod -R a+rX "$prefix"
echo "gather-openface: $(du -sm "$prefix/lib" | cut -f1) MB of libraries, $(du -sm "$prefix/bin" | cut -f1) MB of programs and models"
