#!/usr/bin/env python3
"""Makes what the demo of a fleet mirrors: OCI image layouts of 50 images each, the same bytes every time.

    make-content.py FOLDER NAME...

Each image has a layer that it shares with the others of its layout, and one of its own.
"""
import hashlib
import io
import json
import random
import sys
import tarfile
from pathlib import Path

TAGS = 50
SHARED_BYTES = 256 * 1024
OWN_BYTES = 64 * 1024
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def text(value) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def layer(name: str, size: int) -> bytes:
    # What cannot be compressed, and is the same whenever it is made.
    content = random.Random(name).getrandbits(8 * size).to_bytes(size, "little")
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo(name)
        entry.size = size
        archive.addfile(entry, io.BytesIO(content))
    return tar.getvalue()


class Layout:
    """An OCI image layout under construction."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.blobs = folder / "blobs" / "sha256"
        self.blobs.mkdir(parents=True)

    def put(self, content: bytes, media_type: str) -> dict:
        digest = hashlib.sha256(content).hexdigest()
        (self.blobs / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    def image(self, name: str, tag: str, shared: bytes) -> dict:
        parts = [shared, layer(f"{name}/{tag}", OWN_BYTES)]
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Labels": {"org.opencontainers.image.version": tag}},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(part).hexdigest() for part in parts]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.put(text(config), CONFIG),
            "layers": [self.put(part, LAYER) for part in parts],
        }
        named = {"annotations": {"org.opencontainers.image.ref.name": tag}}
        return self.put(text(manifest), MANIFEST) | named

    def end(self, images: list) -> None:
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": images}
        (self.folder / "index.json").write_bytes(text(index))
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}\n')


def main(folder: str, *names: str) -> None:
    for name in names:
        layout = Layout(Path(folder) / name)
        shared = layer(f"{name}/base", SHARED_BYTES)
        layout.end([layout.image(name, f"1.{minor}.0", shared) for minor in range(TAGS)])


if __name__ == "__main__":
    main(*sys.argv[1:])
