#!/bin/sh
# Packs the charts of src/ into repository/ by helm, as whoever publishes them would. The archives' times
# are those of the packing: their digests change each time.
set -eu
cd "$(dirname "$0")"
rm -rf repository
for version in 1.0.0 1.1.0 1.2.0 1.3.0-rc.1; do
    helm package src/greeter --version "$version" --app-version "${version%%-*}" -d repository
done
for version in 0.3.0 0.4.0 0.4.1+build.7; do
    helm package src/schedule --version "$version" --app-version "${version%%+*}" -d repository
done
helm repo index repository
