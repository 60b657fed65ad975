#!/usr/bin/env bash
# Finishes a folder of archives: deploy/release/finish.sh FOLDER
#
# Adds the bill of materials and SHA256SUMS, which covers all else; with SIGN=true a signature of
# SHA256SUMS too, keyless, by cosign: whoever verifies it has verified everything that it names.
set -euo pipefail

folder=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

python3 "$here/sbom.py" >"$folder/flux-mirror.cdx.json"
cd "$folder"
# Of an earlier time; a signature would not fit any more.
rm -f SHA256SUMS SHA256SUMS.sigstore.json
files=(*.tar.gz flux-mirror.cdx.json)
[ -f "${files[0]}" ] || { echo "no archive in $folder" >&2; exit 1; }
sha256sum "${files[@]}" | LC_ALL=C sort -k2 >SHA256SUMS.part
mv SHA256SUMS.part SHA256SUMS
if [ "${SIGN:-false}" = true ]; then
  cosign sign-blob --yes --bundle SHA256SUMS.sigstore.json SHA256SUMS
fi
cat SHA256SUMS
