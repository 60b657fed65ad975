#!/usr/bin/env bash
# Builds the program of a release: deploy/release/build.sh TARGET, into target/TARGET/release, where
# $CARGO_TARGET_DIR is heeded.
#
# By the lock file, and without the folders in which it was built. On Linux it is linked statically: it
# runs wherever the kernel does.
set -euo pipefail

target=$1
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cargo_home=${CARGO_HOME:-$HOME/.cargo}
# What build scripts make lies there, and is compiled from there.
target_dir=${CARGO_TARGET_DIR:-$PWD/target}
flags="--remap-path-prefix=$PWD=flux-mirror --remap-path-prefix=$cargo_home=cargo"
flags="$flags --remap-path-prefix=$target_dir=flux-mirror/target"
case "$target" in
  *-linux-gnu) flags="$flags -C target-feature=+crt-static" ;;
esac
# C code of dependencies says where it was built, too.
export CFLAGS="${CFLAGS:-} -ffile-prefix-map=$PWD=flux-mirror -ffile-prefix-map=$cargo_home=cargo"
CFLAGS="$CFLAGS -ffile-prefix-map=$target_dir=flux-mirror/target"
RUSTFLAGS="$flags" cargo build --locked --release --package flux-mirror --target "$target"
