//! OCI image layouts on disk: made from samples, and judged.
//!
//! A layout is a folder with `oci-layout`, `index.json` and `blobs/<algorithm>/<hex>`; a tag is the
//! annotation `org.opencontainers.image.ref.name` of an entry of the index.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::judge::{Whole, judge};
use crate::sample::{INDEX, Sample};

const NAME: &str = "org.opencontainers.image.ref.name";

/// Makes a layout in `folder` with a tag for each sample; what is there already is kept.
pub fn write_layout(folder: &Path, tags: &[(&str, &Sample)]) {
    fs::create_dir_all(folder).expect("the folder can be made");
    let mut manifests = if folder.join("index.json").exists() {
        entries(&read_json(&folder.join("index.json")))
    } else {
        Vec::new()
    };
    for (tag, sample) in tags {
        for blob in sample.all_blobs() {
            write_blob(folder, &blob);
        }
        for manifest in sample.manifests() {
            write_blob(folder, &manifest.bytes);
        }
        let mut entry = sample.descriptor();
        entry["annotations"] = json!({NAME: tag});
        manifests.retain(|one| one["annotations"][NAME] != *tag);
        manifests.push(entry);
    }
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
    write(&folder.join("index.json"), index.to_string().as_bytes());
    write(&folder.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#);
}

/// Returns the tags of a layout and their digests.
pub fn layout_tags(folder: &Path) -> BTreeMap<String, String> {
    let index = read_json(&folder.join("index.json"));
    let tag = |entry: Value| {
        let tag = entry["annotations"][NAME].as_str()?.to_owned();
        Some((tag, entry["digest"].as_str()?.to_owned()))
    };
    entries(&index).into_iter().filter_map(tag).collect()
}

/// Judges a layout: its two files are right, each entry of the index is whole, each blob file has
/// the digest that it is named after.
///
/// # Errors
/// Says what is wrong, missing or different.
pub fn judge_layout(folder: &Path) -> Result<Whole, String> {
    let version = &read_json(&folder.join("oci-layout"))["imageLayoutVersion"];
    if version != "1.0.0" {
        return Err(format!("oci-layout says {version}"));
    }
    let index = read_json(&folder.join("index.json"));
    if index["schemaVersion"] != 2 {
        return Err("index.json has no schemaVersion 2".to_owned());
    }
    let read = |_, digest: &str| fs::read(blob_path(folder, digest)).ok().map(Bytes::from);
    let mut whole = Whole::default();
    let mut tags = BTreeSet::new();
    for entry in entries(&index) {
        let digest = entry["digest"].as_str().ok_or("an entry without a digest")?;
        let part = judge(digest, &read)?;
        whole.manifests.extend(part.manifests);
        whole.blobs.extend(part.blobs);
        let size = fs::metadata(blob_path(folder, digest)).map_or(0, |found| found.len());
        if entry["size"] != size {
            return Err(format!("{digest} has {size} bytes, index.json says {}", entry["size"]));
        }
        if let Some(tag) = entry["annotations"][NAME].as_str()
            && !tags.insert(tag.to_owned())
        {
            return Err(format!("two entries are tagged {tag}"));
        }
    }
    judge_files(folder)?;
    Ok(whole)
}

/// Asserts that `tag` of a whole layout is exactly `sample`.
#[track_caller]
pub fn assert_layout_holds(folder: &Path, tag: &str, sample: &Sample) {
    if let Err(fault) = judge_layout(folder) {
        panic!("{} is not a whole layout: {fault}", folder.display());
    }
    let digest = layout_tags(folder).remove(tag);
    assert_eq!(digest, Some(sample.digest()), "{}:{tag}", folder.display());
}

fn judge_files(folder: &Path) -> Result<(), String> {
    let algorithms = fs::read_dir(folder.join("blobs")).into_iter().flatten().flatten();
    for algorithm in algorithms {
        for file in fs::read_dir(algorithm.path()).into_iter().flatten().flatten() {
            let [algorithm, name] = [algorithm.file_name(), file.file_name()]
                .map(|name| name.to_string_lossy().into_owned());
            let bytes = fs::read(file.path()).map_err(|error| format!("{name}: {error}"))?;
            if !crate::digest::matches(&format!("{algorithm}:{name}"), &bytes) {
                return Err(format!("blobs/{algorithm}/{name} has another digest"));
            }
        }
    }
    Ok(())
}

fn write_blob(folder: &Path, bytes: &[u8]) {
    let path = blob_path(folder, &crate::digest::sha256(bytes));
    fs::create_dir_all(path.parent().expect("a blob lies in a folder")).expect("can be made");
    write(&path, bytes);
}

fn blob_path(folder: &Path, digest: &str) -> PathBuf {
    folder.join("blobs").join(digest.replacen(':', "/", 1))
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

#[track_caller]
fn read_json(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes)
        .unwrap_or_else(|error| panic!("{} is no JSON: {error}", path.display()))
}

fn entries(index: &Value) -> Vec<Value> {
    index["manifests"].as_array().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{image, two_platforms};

    #[test]
    fn a_layout_is_judged_whole_until_a_byte_changes() {
        let folder = tempfile::TempDir::new().unwrap();
        let (image, index) = (image("a"), two_platforms("b"));
        write_layout(folder.path(), &[("v1", &image)]);
        write_layout(folder.path(), &[("v2", &index)]);
        assert_eq!(judge_layout(folder.path()).unwrap().manifests.len(), 4);
        assert_layout_holds(folder.path(), "v1", &image);
        assert_layout_holds(folder.path(), "v2", &index);

        let blob = blob_path(folder.path(), &crate::digest::sha256(&image.blobs[1]));
        fs::write(&blob, b"x").unwrap();
        assert!(judge_layout(folder.path()).is_err());
        fs::remove_file(&blob).unwrap();
        assert!(judge_layout(folder.path()).unwrap_err().contains("is missing"));
    }
}
