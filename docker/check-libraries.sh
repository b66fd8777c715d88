#!/bin/sh
# Proves that OpenFace's programs load nothing but the libraries that came with them: where two systems mix, a program
# crashes or, worse, only now and then does.
#
# Runs in the finished image, where it will be started, and not in the OpenFace image: a program built there may well name
# folders of that image (RPATH), which come before all others, and which are gone here.
set -eu

prefix=/opt/openface

for program in FaceLandmarkImg FeatureExtraction; do
  # "name => /path (address)", and for the loader "/path (address)"; the kernel's own library (vdso) has no path.
  if listed=$("$prefix/lib/ld.so" --library-path "$prefix/lib" --list "$prefix/bin/$program" 2>&1); then
    strangers=$(echo "$listed" | grep -e ' => ' | grep -v -e " => $prefix/lib/" -e ' =>  (' || true)
  else
    strangers=$listed
  fi
  if [ -n "$strangers" ]; then
    echo "check-libraries: $program would not load all its libraries from $prefix/lib:" >&2
    echo "$strangers" >&2
    echo "It, or one of them, names other folders itself ('readelf --dynamic FILE' shows them as RPATH). Remove those in" \
      "the OpenFace image (patchelf --remove-rpath)." >&2
    exit 1
  fi
done
