#!/usr/bin/env python3
"""Prints the bill of materials of the program, as CycloneDX 1.5: what cargo builds into it, with checksums.

Of normal dependencies alone, for every platform that is released; what builds or tests it is left out.
`cargo tree` says which they are: `cargo metadata` also lists what no feature asks for. The same lock file
gives the same bytes.
"""

import json
import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "flux-mirror"
TARGETS = [
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
]
# DEPTH, NAME, VERSION, what cargo says beside them, LICENCE; `(*)` where it was printed before.
LINE = re.compile(r"(\d+)(\S+) v(\S+).*?\t(.*?)(?: \(\*\))?$")


def tree(target):
    """Asks cargo, which must not change the lock file, for a line for each package that another needs."""
    command = ["cargo", "tree", "--locked", "--package", PROGRAM, "--edges=normal"]
    command += ["--target", target, "--prefix=depth", "--format={p}\t{l}"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        depth, name, version, licence = LINE.match(line).groups()
        yield int(depth), (name, version), licence


def graph():
    """Returns the licence of each package, and what it needs."""
    licences, needs = {}, {}
    for target in TARGETS:
        above = []
        for depth, package, licence in tree(target):
            licences[package] = licence
            needs.setdefault(package, set())
            above[depth:] = [package]
            if depth:
                needs[above[depth - 1]].add(package)
    return licences, needs


def checksums():
    """Returns the checksum of each package of a registry."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}


def purl(package):
    return "pkg:cargo/{}@{}".format(*package)


def component(package, licence, checksum):
    name, version = package
    said = {
        "type": "application" if name == PROGRAM else "library",
        "bom-ref": purl(package),
        "name": name,
        "version": version,
        "purl": purl(package),
    }
    if checksum:
        said["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if licence:
        # As crates wrote it before SPDX's way.
        said["licenses"] = [{"expression": licence.replace("/", " OR ")}]
    return said


def main():
    (licences, needs), sums = graph(), checksums()
    components = {p: component(p, licences[p], sums.get(p)) for p in sorted(licences)}
    program = next(p for p in components if p[0] == PROGRAM)
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": components.pop(program)},
        "components": list(components.values()),
        "dependencies": [
            {"ref": purl(p), "dependsOn": [purl(needed) for needed in sorted(needs[p])]}
            for p in sorted(needs)
        ],
    }
    print(json.dumps(bom, indent=2))


main()
