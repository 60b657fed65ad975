#!/usr/bin/env bash
# Packs a program as an archive of a release: deploy/release/package.sh PROGRAM OS ARCH FOLDER
#
# The same program gives the same bytes: order, owners, modes and times are fixed. The time is
# SOURCE_DATE_EPOCH, else that of the commit. Wants GNU tar.
set -euo pipefail

program=$1 os=$2 arch=$3 folder=$4
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml")
epoch=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct)}
archive=flux-mirror_${version}_${os}_${arch}.tar.gz

mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
install -m 755 "$program" "$work/flux-mirror"
install -m 644 "$root/LICENSE" "$root/README.md" "$work/"
tar --create --format=ustar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$epoch" \
  --directory "$work" LICENSE README.md flux-mirror | gzip --no-name --best >"$work/archive"
mv "$work/archive" "$folder/$archive"
echo "$archive"
