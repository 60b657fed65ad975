//! A config's fields as they are written, before anything is judged; the schema is made of them.
//!
//! Every field may be left out here, and one that is empty counts as left out: what is required is
//! said by validation, with the field's path. The documentation of a field is its description in
//! the schema.

pub(crate) mod v1beta1;
pub(crate) mod v1beta2;

use mirror_credentials::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

/// One OCI repository to be mirrored into another.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Artifact {
    /// The source repository, as in `ghcr.io/fluxcd/source-controller`, or a layout on disk, as in
    /// `oci-layout://folder`.
    #[schemars(required)]
    pub(crate) source: Option<String>,
    /// The destination repository, or a layout on disk.
    #[schemars(required)]
    pub(crate) destination: Option<String>,
    /// Which tags are mirrored; by default the highest version.
    pub(crate) selector: Option<Selector>,
    /// Whether a tag that has another digest at the destination is replaced.
    pub(crate) overwrite: Option<bool>,
    /// Whether what is attached to a tag's content (signatures, SBOMs, attestations) comes along.
    pub(crate) include_referrers: Option<bool>,
    /// The signature that a tag must have to be mirrored.
    pub(crate) verify: Option<Verify>,
}

/// Which tags are mirrored: regex, then semver, then sorted, then limited.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Selector {
    /// Drops tags that do not match.
    pub(crate) regex: Option<Regex>,
    /// A version constraint, as in `>=1.0.0 <3.0.0`, that the tag or what regex extracts of it must
    /// satisfy.
    pub(crate) semver: Option<String>,
    /// The order, highest first.
    #[schemars(extend("enum" = ["semver", "alphabetical", "numerical", null], "default" = "semver"))]
    pub(crate) sort_by: Option<String>,
    /// How many of the highest are mirrored; 0 for all.
    #[schemars(range(min = 0), extend("default" = 1))]
    pub(crate) limit: Option<i64>,
}

/// A regular expression on tags.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Regex {
    /// The pattern in Go's syntax, not anchored.
    #[schemars(required)]
    pub(crate) pattern: Option<String>,
    /// What is taken out of a match to be filtered and sorted by, as in `$1` or `${name}` (written
    /// `$${name}` where variables are substituted).
    pub(crate) extract: Option<String>,
}

/// The signature that a tag must have.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Verify {
    /// Who judges.
    #[schemars(required, extend("enum" = ["cosign"]))]
    pub(crate) provider: Option<String>,
    /// How old the signature must be, as in `48h`.
    pub(crate) min_age: Option<String>,
    /// Who may have signed: any one of these.
    #[serde(rename = "matchOIDCIdentity")]
    #[schemars(required, length(min = 1))]
    pub(crate) identities: Option<Vec<Identity>>,
}

/// Who may have signed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Identity {
    /// The OIDC issuer, to be equal.
    #[schemars(required)]
    pub(crate) issuer: Option<String>,
    /// A regular expression on the certificate's subject, not anchored.
    #[schemars(required)]
    pub(crate) subject: Option<String>,
}

/// A chart of a Helm repository to be mirrored into an OCI registry.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Chart {
    /// The chart's name.
    #[schemars(required)]
    pub(crate) name: Option<String>,
    /// The Helm repository's URL, http or https.
    #[schemars(required)]
    pub(crate) source: Option<String>,
    /// Where the chart goes, `<destination>/<name>`: `oci://host/…`, or `oci-layout://folder`.
    #[schemars(required)]
    pub(crate) destination: Option<String>,
    /// A version constraint.
    #[schemars(extend("default" = "*"))]
    pub(crate) version: Option<String>,
    /// How many of the highest versions are mirrored; 0 for all.
    #[schemars(range(min = 0), extend("default" = 1))]
    pub(crate) limit: Option<i64>,
    /// Whether a tag that has other content at the destination is replaced.
    pub(crate) overwrite: Option<bool>,
}

/// A PEM text, from a file or the config itself.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Pem {
    /// A file, relative to the config's folder and inside it.
    pub(crate) from_path: Option<String>,
    /// The PEM text.
    #[schemars(with = "Option<String>")]
    pub(crate) value: Option<Secret>,
}

/// Which server is trusted by its SPIFFE ID: exactly one of the fields.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SpiffeServer {
    /// The one with this SPIFFE ID.
    #[serde(rename = "serverID")]
    pub(crate) server_id: Option<String>,
    /// Any of this trust domain; `self` is our own.
    pub(crate) trust_domain: Option<String>,
    /// Any of a trust domain that we have a bundle of.
    pub(crate) authorize_any: Option<bool>,
}
