//! Charts as they come from a repository: archives and indexes, made byte by byte.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::digest::sha256;

/// The block of a tar.
const BLOCK: usize = 512;

/// Packs files into an archive, each under the path that it is given.
pub fn archive(files: &[(&str, &str)]) -> Bytes {
    let mut tar = Vec::new();
    for (path, content) in files {
        tar.extend(header(path, content.len()));
        tar.extend(content.as_bytes());
        tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    }
    tar.resize(tar.len() + 2 * BLOCK, 0);
    gzip(&tar)
}

/// Packs a small chart.
pub fn chart(name: &str, version: &str) -> Bytes {
    let metadata = format!("apiVersion: v2\nname: {name}\nversion: {version}\ntype: application\n");
    let template = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  greeting: {{{{ .Values.greeting }}}}\n"
    );
    let path = |file: &str| format!("{name}/{file}");
    archive(&[
        (&path("Chart.yaml"), &metadata),
        (&path("values.yaml"), &format!("greeting: hello from {version}\n")),
        (&path("templates/config.yaml"), &template),
    ])
}

/// Packs bytes.
pub fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory can be written to");
    encoder.finish().expect("memory can be written to").into()
}

/// Returns the digest of an archive as indexes write it: its value alone.
pub fn digest(archive: &[u8]) -> String {
    sha256(archive).trim_start_matches("sha256:").to_owned()
}

/// Writes an index of versions of one chart: `(version, url, digest)`, each as it is, and empty digests
/// left out.
pub fn index(chart: &str, versions: &[(&str, &str, &str)]) -> String {
    let mut text = format!("apiVersion: v1\nentries:\n  {chart}:\n");
    for (version, url, digest) in versions {
        let digest =
            if digest.is_empty() { String::new() } else { format!("    digest: {digest}\n") };
        text = format!("{text}  - version: {version}\n    urls:\n    - {url}\n{digest}");
    }
    text
}

fn header(path: &str, size: usize) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..path.len()].copy_from_slice(path.as_bytes());
    block[100..107].copy_from_slice(b"0000644");
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[148..156].copy_from_slice(b"        ");
    block[156] = b'0';
    block[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = block.iter().copied().map(u32::from).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}
