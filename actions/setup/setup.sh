#!/usr/bin/env bash
# Installs flux-mirror from the releases at the URL that is given, for action.yml beside it.
#
# What is downloaded counts only once its checksum is that of SHA256SUMS and, where VERIFY_ATTESTATION is true,
# gh knows it as made by the release workflow. The tool cache holds what was checked so, and nothing else:
# in a folder for each way of checking, where it is renamed into place, since other jobs of the runner may use
# what is there.
# Inputs come as variables, never as text of a script.
set -euo pipefail

# The token is for gh: what else is run here does not see it.
declare +x token=${GH_TOKEN:-}
unset GH_TOKEN

releases=$1
repository=fluxcd/flux-mirror
workflow=$repository/.github/workflows/release.yaml

fail() {
  echo "::error::flux-mirror: $*"
  exit 1
}

# Redirects lead to storage elsewhere, and never out of https. Three attempts: a release is some megabytes.
download() {
  curl --fail --silent --show-error --location --proto '=https' --tlsv1.2 --retry 3 --max-time 300 "$@"
}

case "$(uname -s)" in
  Linux) os=linux ;;
  Darwin) os=darwin ;;
  *) fail "there is no release for $(uname -s)" ;;
esac
case "$(uname -m)" in
  x86_64 | amd64) arch=amd64 cache_arch=x64 ;;
  aarch64 | arm64) arch=arm64 cache_arch=arm64 ;;
  *) fail "there is no release for $(uname -m)" ;;
esac
case "${VERIFY_ATTESTATION:-false}" in
  true | false) ;;
  *) fail "verify-attestation must be true or false" ;;
esac

version=${VERSION:-}
if [ -z "$version" ]; then
  # The latest release is where this leads to: no API, and so no token and no limit.
  latest=$(download --head --output /dev/null --write-out '%{url_effective}' "$releases/latest") ||
    fail "cannot find the latest release at $releases/latest"
  version=${latest##*/tag/}
fi
version=${version#v}
pattern='^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$'
[[ $version =~ $pattern ]] || fail "no version: $version"

checked=checksum
if [ "${VERIFY_ATTESTATION:-false}" = true ]; then checked=attestation; fi
cache=${RUNNER_TOOL_CACHE:?}/flux-mirror/$version/$cache_arch
tool=$cache/$checked
# An attestation covers a checksum.
if [ -x "$cache/attestation/flux-mirror" ]; then tool=$cache/attestation; fi

# Puts a program into a folder, whole or not at all.
place() {
  mkdir -p "$2"
  placing=$(mktemp "$2/.flux-mirror.XXXXXX")
  install -m 755 "$1" "$placing"
  mv -f "$placing" "$2/flux-mirror"
}

# What does not run here, or is another version, is not for PATH.
run() {
  said=$("$1" version) || fail "the program does not run here"
  [ "$said" = "flux-mirror $version" ] || fail "the program says '$said', and should be version $version"
}

if [ -x "$tool/flux-mirror" ]; then
  echo "flux-mirror $version is in the tool cache"
else
  archive=flux-mirror_${version}_${os}_${arch}.tar.gz
  work=$(mktemp -d "${RUNNER_TEMP:-/tmp}/flux-mirror.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  download --output "$work/$archive" "$releases/download/v$version/$archive" ||
    fail "cannot download $archive of version $version"
  download --output "$work/SHA256SUMS" "$releases/download/v$version/SHA256SUMS" ||
    fail "cannot download SHA256SUMS of version $version"
  expected=$(awk -v name="$archive" '$2 == name || $2 == "*" name { print $1 }' "$work/SHA256SUMS")
  if command -v sha256sum >/dev/null; then
    found=$(sha256sum "$work/$archive")
  else
    found=$(shasum -a 256 "$work/$archive")
  fi
  found=${found%% *}
  [ -n "$expected" ] || fail "SHA256SUMS does not name $archive"
  [ "$found" = "$expected" ] || fail "$archive has the checksum $found, and should have $expected"
  if [ "$checked" = attestation ]; then
    command -v gh >/dev/null || fail "verify-attestation wants gh, which is not installed"
    GH_TOKEN=$token gh attestation verify "$work/$archive" --repo "$repository" --signer-workflow "$workflow" ||
      fail "the attestation of $archive does not hold"
  fi
  mkdir "$work/unpacked"
  tar -xzf "$work/$archive" -C "$work/unpacked" flux-mirror
  run "$work/unpacked/flux-mirror"
  place "$work/unpacked/flux-mirror" "$tool"
fi

folder=$tool
if [ -n "${BINDIR:-}" ]; then
  folder=$BINDIR
  place "$tool/flux-mirror" "$folder"
fi
run "$folder/flux-mirror"
(cd "$folder" && pwd) >>"$GITHUB_PATH"
echo "version=$version" >>"$GITHUB_OUTPUT"
echo "$said"
