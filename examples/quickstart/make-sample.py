#!/usr/bin/env python3
"""Makes the sample of the quickstart: an OCI image layout of a few kB, the same bytes every time.

Run without arguments it writes the folder `source` beside it.
"""
import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LAYOUT = HERE / "source"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
EMPTY = "application/vnd.oci.empty.v1+json"


def put(content: bytes, media_type: str, **more) -> dict:
    digest = hashlib.sha256(content).hexdigest()
    (LAYOUT / "blobs" / "sha256" / digest).write_bytes(content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content), **more}


def text(value) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def layer(name: str, content: str) -> bytes:
    # Not compressed: gzip's bytes differ from one version of Python and zlib to the next.
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content.encode()))
    # A header, a block of content, and the two empty blocks that end an archive; tarfile pads it to 10 KiB.
    return tar.getvalue()[:4 * 512]


def image(version: str, architecture: str) -> dict:
    parts = [layer("etc/hello", "hello"), layer("etc/version", f"{version} for {architecture}\n")]
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Labels": {"org.opencontainers.image.version": version}},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(part).hexdigest() for part in parts]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": put(text(config), CONFIG),
        "layers": [put(part, LAYER) for part in parts],
    }
    return put(text(manifest), MANIFEST)


def platforms(version: str) -> dict:
    manifests = [
        image(version, architecture) | {"platform": {"os": "linux", "architecture": architecture}}
        for architecture in ("amd64", "arm64")
    ]
    return put(text({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}), INDEX)


def artifact(version: str) -> dict:
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": "application/vnd.example.settings",
        "config": put(b"{}", EMPTY),
        "layers": [put(f"settings of {version}\n".encode(), "text/plain")],
    }
    return put(text(manifest), MANIFEST)


def main() -> None:
    shutil.rmtree(LAYOUT, ignore_errors=True)
    (LAYOUT / "blobs" / "sha256").mkdir(parents=True)
    tags = {
        "1.0.0": image("1.0.0", "amd64"),
        "1.1.0": image("1.1.0", "amd64"),
        "1.2.0": platforms("1.2.0"),
        "2.0.0-rc.1": image("2.0.0-rc.1", "amd64"),
        "settings-1.2.0": artifact("1.2.0"),
    }
    named = [
        root | {"annotations": {"org.opencontainers.image.ref.name": tag}}
        for tag, root in tags.items()
    ]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": named}
    (LAYOUT / "index.json").write_text(json.dumps(index, indent=2) + "\n")
    (LAYOUT / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}\n')


if __name__ == "__main__":
    main()
