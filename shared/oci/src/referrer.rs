//! Referrers: manifests that name another as their subject, as a listing speaks of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json_object::JsonObject;
use crate::{Descriptor, Digest, Manifest, MediaType, annotations};

/// The most referrers of one subject. An image has one per signature, attestation and SBOM; a subject
/// with more was signed by a machine that nobody watches.
pub const MAX_REFERRERS: usize = 10_000;

/// A manifest that is attached to another, as a listing speaks of it.
///
/// A listing is a claim: what the manifest says is known once it was read. That it is a manifest at
/// all is for whoever reads it to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrer {
    /// The manifest; its artifact type as the listing gives it.
    pub descriptor: Descriptor,
    /// The manifest's annotations, as the listing gives them.
    pub annotations: BTreeMap<String, String>,
}

impl Referrer {
    /// Reads one page of a registry's listing: an image index, whose entries come back in its order,
    /// those that stand in it twice too.
    ///
    /// # Errors
    /// Where it is no image index, or an entry is no descriptor: a listing is never taken in part.
    pub fn parse_page(text: &[u8]) -> serde_json::Result<Vec<Self>> {
        Self::entries_of(&JsonObject::parse_index(text)?)
    }

    /// Reads the entries of an index. Go writes an empty list as `null`; none at all is no index.
    pub(crate) fn entries_of(index: &JsonObject<'_>) -> serde_json::Result<Vec<Self>> {
        let custom = <serde_json::Error as serde::de::Error>::custom;
        let own = index.get("mediaType").map(serde_json::from_str::<Option<String>>).transpose()?;
        if let Some(own) = own.flatten()
            && own != MediaType::OCI_INDEX
        {
            return Err(custom("it says that it is no image index"));
        }
        let list = index.get("manifests").ok_or_else(|| custom("it has no `manifests`"))?;
        let entries = serde_json::from_str::<Option<Vec<Entry>>>(list)?.unwrap_or_default();
        let referrer = |entry: Entry| entry.read().ok_or_else(|| custom("invalid media type"));
        entries.into_iter().map(referrer).collect()
    }

    /// Returns the entry of an index that says this.
    ///
    /// # Errors
    /// None that are known: all of it can be written.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let Descriptor { media_type, digest, size, artifact_type } = &self.descriptor;
        serde_json::to_string(&NewEntry {
            media_type: media_type.as_str(),
            digest: digest.to_string(),
            size: *size,
            annotations: &self.annotations,
            artifact_type: artifact_type.as_deref(),
        })
    }
}

impl Manifest {
    /// Returns the manifest's annotations. They are read when they are asked for: a tree of manifests
    /// is held in memory, and annotations take several times their length there.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        #[derive(Deserialize)]
        struct View {
            #[serde(default, deserialize_with = "annotations::read")]
            annotations: BTreeMap<String, String>,
        }

        serde_json::from_slice(&self.bytes)
            .map(|View { annotations }| annotations)
            .unwrap_or_default()
    }

    /// Returns what a listing of the subject's referrers would say of this manifest (distribution
    /// specification, listing referrers): the artifact type is the config's where there is no other.
    pub fn referrer(&self) -> Referrer {
        Referrer { descriptor: self.descriptor.clone(), annotations: self.annotations() }
    }
}

/// An entry of a listing. Strict: what is no descriptor by the image specification is none here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    media_type: String,
    digest: Digest,
    size: u64,
    artifact_type: Option<String>,
    #[serde(default, deserialize_with = "annotations::read")]
    annotations: BTreeMap<String, String>,
}

impl Entry {
    fn read(self) -> Option<Referrer> {
        let Self { media_type, digest, size, artifact_type, annotations } = self;
        let media_type = MediaType::parse(&media_type)?;
        let artifact_type = artifact_type.filter(|text| !text.is_empty());
        let descriptor = Descriptor { media_type, digest, size, artifact_type };
        Some(Referrer { descriptor, annotations })
    }
}

/// An entry that we write, with its fields in the order in which Go writes them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewEntry<'a> {
    media_type: &'a str,
    digest: String,
    size: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const D: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn filled(json: &str) -> String {
        json.replace("$D", D).replace("$I", MediaType::OCI_INDEX).replace('\'', "\"")
    }

    /// `media type/artifact type/annotations` of each entry.
    #[track_caller]
    fn check(json: &str, expected: &str) {
        let referrers = Referrer::parse_page(filled(json).as_bytes()).expect(json);
        assert_eq!(referrers.iter().map(shown).collect::<Vec<_>>().join(" "), expected, "{json}");
    }

    /// What the refusal says.
    #[track_caller]
    fn check_refused(json: &str, expected: &str) {
        let error = Referrer::parse_page(filled(json).as_bytes()).expect_err(json).to_string();
        assert!(error.contains(expected), "{json}: {error}");
    }

    fn shown(referrer: &Referrer) -> String {
        let Referrer { descriptor, annotations } = referrer;
        let artifact_type = descriptor.artifact_type.as_deref().unwrap_or("none");
        format!("{}/{artifact_type}/{annotations:?}", descriptor.media_type)
    }

    #[test]
    fn reads_a_page() {
        check("{'manifests':[]}", "");
        check("{'mediaType':'$I','manifests':null,'annotations':{'a':'b'}}", "");
        let plain = "{'mediaType':'a/m','digest':'$D','size':1}";
        check(&format!("{{'manifests':[{plain},{plain}]}}"), "a/m/none/{} a/m/none/{}");
        let rich = "{'mediaType':'a/m','digest':'$D','size':1,'artifactType':'a/t','data':'e30=',\
                    'annotations':{'b':'2','a':'1','n':null,'x':{'y':[1]}}}";
        check(&format!("{{'manifests':[{rich}]}}"), "a/m/a/t/{\"a\": \"1\", \"b\": \"2\"}");
        let odd = "{'mediaType':'a/m','digest':'$D','size':1,'artifactType':'','annotations':7}";
        check(&format!("{{'manifests':[{odd}]}}"), "a/m/none/{}");
    }

    #[test]
    fn refuses_what_is_no_page_and_what_is_no_descriptor() {
        for json in
            ["", "[]", "{'manifests':[", "{'manifests':{}}", "{'manifests':[],'manifests':[]}"]
        {
            check_refused(json, "");
        }
        check_refused("{}", "it has no `manifests`");
        check_refused("{'Manifests':[]}", "is ambiguous");
        check_refused("{'mediaType':'a/b','manifests':[]}", "no image index");
        for entry in [
            "{}",
            "null",
            "{'digest':'$D','size':1}",
            "{'mediaType':'a','digest':'$D','size':1}",
            "{'mediaType':'a/m','digest':'md5:00','size':1}",
            "{'mediaType':'a/m','digest':'$D'}",
            "{'mediaType':'a/m','digest':'$D','size':-1}",
            "{'mediaType':'a/m','digest':'$D','size':1,'digest':'$D'}",
            "{'mediaType':'a/m','digest':'$D','size':1,'artifactType':1}",
        ] {
            check_refused(&format!("{{'manifests':[{entry}]}}"), "");
        }
    }

    #[test]
    fn a_manifest_says_what_a_listing_would() {
        let referrer = |json: &str| {
            let json = filled(json);
            let manifest = Manifest::parse(Digest::of(json.as_bytes()), Bytes::from(json), None);
            shown(&manifest.unwrap().referrer())
        };
        let (image, index) = (MediaType::OCI_MANIFEST, MediaType::OCI_INDEX);
        let config = "'config':{'mediaType':'a/c','digest':'$D','size':0},'layers':[]";
        assert_eq!(referrer(&format!("{{{config}}}")), format!("{image}/a/c/{{}}"));
        let own = format!("{{'artifactType':'a/t','annotations':{{'k':'v','n':1}},{config}}}");
        assert_eq!(referrer(&own), format!("{image}/a/t/{{\"k\": \"v\"}}"));
        let empty = format!("{{'artifactType':'','annotations':null,{config}}}");
        assert_eq!(referrer(&empty), format!("{image}/a/c/{{}}"));
        assert_eq!(referrer("{'manifests':[]}"), format!("{index}/none/{{}}"));
        assert_eq!(referrer("{'artifactType':'a/t','manifests':[]}"), format!("{index}/a/t/{{}}"));
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let media_type = MediaType::parse("a/m").unwrap();
        for (artifact_type, annotations) in [
            (None, BTreeMap::new()),
            (Some("a/t".to_owned()), BTreeMap::from([("\u{1}".to_owned(), "é\"".to_owned())])),
        ] {
            let digest = Digest::of(b"");
            let descriptor =
                Descriptor { media_type: media_type.clone(), digest, size: 9, artifact_type };
            let referrer = Referrer { descriptor, annotations };
            let page = format!("{{\"manifests\":[{}]}}", referrer.to_json().unwrap());
            assert_eq!(Referrer::parse_page(page.as_bytes()).unwrap(), [referrer], "{page}");
        }
    }
}
