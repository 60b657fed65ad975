//! What a report holds, as `serde` and `schemars` see it: the keys, their order, what is left out.
//!
//! The order of fields here is the order of keys in a document, and the comments are the schema's
//! descriptions. These types are made from the model's and never read.

use std::time::Duration;

use jiff::Timestamp;
use mirror_model::{
    EntryReport, Failure, GoDuration, ReferrerRow, Report, Row, SkipReason, Status, Summary,
    Verification,
};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use serde_saphyr::DoubleQuoted;

use crate::document::ReportMeta;
use crate::printable::is_unsafe;
use crate::rounding::whole_millis;

/// The report of `flux-mirror sync`: what came of every entry of a config, and of every tag.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document<'a> {
    /// The version of this format.
    api_version: &'static str,
    /// What this document is.
    #[schemars(extend("const" = "Report"))]
    kind: &'static str,
    /// Where the JSON Schema of this document is published. In JSON only.
    #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    schema: Option<&'static str>,
    /// The report.
    report: Body<'a>,
}

/// What came of a run.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Report")]
struct Body<'a> {
    /// Who made this report: `flux-mirror/<version>`.
    reporter: String,
    /// When the run began, in UTC.
    #[schemars(extend("format" = "date-time"))]
    timestamp: String,
    /// How long the run took, in milliseconds.
    duration_ms: u64,
    /// How many tags ended how.
    summary: Counts,
    /// What came of each entry: artifacts, then charts, each in config order.
    results: Vec<Entry<'a>>,
}

/// How many tags ended how. All fields are always there.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Summary")]
struct Counts {
    /// Entries of the config.
    entries: usize,
    /// Tags that are `copied`.
    copied: usize,
    /// Tags that are `overwritten`.
    overwritten: usize,
    /// Tags that are `skipped`.
    skipped: usize,
    /// Tags that are `drifted`.
    drifted: usize,
    /// Tags that are `would-copy`.
    would_copy: usize,
    /// Tags that are `would-overwrite`.
    would_overwrite: usize,
    /// Tags that are `failed`, and entries that could not be planned.
    failed: usize,
    /// 0 for a clean run, 1 where something failed, 2 where a tag drifted and nothing failed;
    /// whatever `--drift-exit-code` says.
    #[schemars(range(max = 2))]
    exit_code: u8,
}

/// What came of an entry. `error` stands where `status` is `failed`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Result")]
#[schemars(extend("allOf" = [only_with("error", "failed")]))]
struct Entry<'a> {
    /// The source: a repository, or `<repository>/<chart>`.
    #[schemars(with = "String")]
    source: Text<'a>,
    /// The destination repository.
    #[schemars(with = "String")]
    destination: Text<'a>,
    /// Whether the entry could be planned. Tags of a completed entry may have failed.
    status: EntryStatus,
    /// Why the entry could not be planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    error: Option<Text<'a>>,
    /// What came of each tag, in plan order: highest first.
    tags: Vec<TagRow<'a>>,
}

/// Whether an entry could be planned.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum EntryStatus {
    /// It was planned, and each of its tags has a row.
    Completed,
    /// It could not be planned.
    Failed,
}

/// What came of a tag. `reason` stands where `status` is `skipped`, `error` where it is `failed`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Tag")]
#[schemars(extend("allOf" = [only_with("reason", "skipped"), only_with("error", "failed")]))]
struct TagRow<'a> {
    /// The tag, or the chart's version with its `+`.
    #[schemars(with = "String")]
    tag: Text<'a>,
    /// How it ended.
    status: RowStatus,
    /// The digest at the source, or of the chart's archive, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = "^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$"))]
    digest: Option<String>,
    /// Why nothing was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Reason")]
    reason: Option<Reason>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    error: Option<Text<'a>>,
    /// What is attached to the tag's content; never empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    referrers: Vec<Referrer<'a>>,
    /// The signature that was confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Signature<'_>")]
    verification: Option<Signature<'a>>,
}

/// How a tag or referrer ended.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Status")]
enum RowStatus {
    /// The destination did not have it.
    Copied,
    /// The destination had another digest, which was replaced.
    Overwritten,
    /// Nothing was to be done; `reason` says why.
    Skipped,
    /// The destination has another digest, which was left alone.
    Drifted,
    /// A dry run found that it would be copied.
    WouldCopy,
    /// A dry run found that it would be overwritten.
    WouldOverwrite,
    /// It could not be done.
    Failed,
}

/// Why nothing was to be done.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Reason {
    /// The destination has the same digest.
    UpToDate,
    /// The signature is good and younger than `verify.minAge`.
    SignatureTooNew,
}

/// What came of something attached to a tag's content. `reason` stands where `status` is `skipped`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("allOf" = [only_with("reason", "skipped")]))]
struct Referrer<'a> {
    /// Its digest.
    #[schemars(regex(pattern = "^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$"))]
    digest: String,
    /// What kind of artifact it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    artifact_type: Option<Text<'a>>,
    /// How it ended.
    status: RowStatus,
    /// Why nothing was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Reason")]
    reason: Option<Reason>,
}

/// A signature that was confirmed.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Verification")]
struct Signature<'a> {
    /// Who judged: `cosign`.
    #[schemars(with = "String")]
    provider: Text<'a>,
    /// The OIDC issuer in the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    issuer: Option<Text<'a>>,
    /// The identity in the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    identity: Option<Text<'a>>,
    /// The oldest verified time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    integrated_time: Option<String>,
    /// How old the signature is, where it is too new: a duration of Go's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    age: Option<String>,
    /// How old it must be, where it is too new: a duration of Go's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    min_age: Option<String>,
}

impl<'a> Document<'a> {
    /// Makes the document of `report`, which points to its schema where there is a `schema`.
    pub(crate) fn new(
        report: &'a Report,
        meta: &ReportMeta<'_>,
        schema: Option<&'static str>,
    ) -> Self {
        Self {
            api_version: meta.api.api_version(),
            kind: "Report",
            schema,
            report: Body {
                reporter: format!("flux-mirror/{}", meta.version),
                timestamp: seconds(meta.started),
                duration_ms: whole_millis(meta.duration),
                summary: Counts::from(report.summary()),
                results: report.entries.iter().map(Entry::from).collect(),
            },
        }
    }
}

impl From<Summary> for Counts {
    fn from(summary: Summary) -> Self {
        Self {
            entries: summary.entries,
            copied: summary.copied,
            overwritten: summary.overwritten,
            skipped: summary.skipped,
            drifted: summary.drifted,
            would_copy: summary.would_copy,
            would_overwrite: summary.would_overwrite,
            failed: summary.failed,
            exit_code: summary.exit_code(),
        }
    }
}

impl<'a> From<&'a EntryReport> for Entry<'a> {
    fn from(entry: &'a EntryReport) -> Self {
        let (status, error, tags) = match &entry.rows {
            Ok(rows) => (EntryStatus::Completed, None, rows.iter().map(TagRow::from).collect()),
            Err(failure) => (EntryStatus::Failed, Some(Text(&failure.message)), Vec::new()),
        };
        Self {
            source: Text(&entry.source),
            destination: Text(&entry.destination),
            status,
            error,
            tags,
        }
    }
}

impl<'a> From<&'a Row> for TagRow<'a> {
    fn from(row: &'a Row) -> Self {
        let (status, reason, failure) = parts(&row.status);
        Self {
            tag: Text(&row.tag),
            status,
            digest: row.digest.map(|digest| digest.to_string()),
            reason,
            error: failure.map(|failure| Text(&failure.message)),
            referrers: row.referrers.iter().map(Referrer::from).collect(),
            verification: row.verification.as_ref().map(Signature::from),
        }
    }
}

impl<'a> From<&'a ReferrerRow> for Referrer<'a> {
    fn from(referrer: &'a ReferrerRow) -> Self {
        // What failed is told by the row's error, which names the referrer.
        let (status, reason, _) = parts(&referrer.status);
        Self {
            digest: referrer.digest.to_string(),
            artifact_type: referrer.artifact_type.as_deref().map(Text),
            status,
            reason,
        }
    }
}

impl<'a> From<&'a Verification> for Signature<'a> {
    fn from(verification: &'a Verification) -> Self {
        let time = verification.integrated_time;
        let shown = |duration: Duration| GoDuration(duration).to_string();
        Self {
            provider: Text(&verification.provider),
            issuer: verification.issuer.as_deref().map(Text),
            identity: verification.identity.as_deref().map(Text),
            integrated_time: time.and_then(|time| Timestamp::from_second(time).ok()).map(seconds),
            age: verification.age.map(shown),
            min_age: verification.min_age.map(shown),
        }
    }
}

/// Takes a status apart.
fn parts(status: &Status) -> (RowStatus, Option<Reason>, Option<&Failure>) {
    match status {
        Status::Copied => (RowStatus::Copied, None, None),
        Status::Overwritten => (RowStatus::Overwritten, None, None),
        Status::Skipped(SkipReason::UpToDate) => (RowStatus::Skipped, Some(Reason::UpToDate), None),
        Status::Skipped(SkipReason::SignatureTooNew) => {
            (RowStatus::Skipped, Some(Reason::SignatureTooNew), None)
        }
        Status::Drifted => (RowStatus::Drifted, None, None),
        Status::WouldCopy => (RowStatus::WouldCopy, None, None),
        Status::WouldOverwrite => (RowStatus::WouldOverwrite, None, None),
        Status::Failed(failure) => (RowStatus::Failed, None, Some(failure)),
    }
}

/// Writes a time as RFC 3339 in UTC, in whole seconds.
fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A text from outside. What YAML would show as it is, but a terminal must not get, goes between
/// double quotes, where it can be escaped; JSON sees no difference.
struct Text<'a>(&'a str);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(text) = self;
        if text.contains(is_unsafe) {
            DoubleQuoted(text).serialize(serializer)
        } else {
            serializer.serialize_str(text)
        }
    }
}

/// A condition of JSON Schema: `key` stands where `status` is `status`, and nowhere else.
fn only_with(key: &str, status: &str) -> Value {
    json!({
        "if": { "properties": { "status": { "const": status } } },
        "then": { "required": [key] },
        "else": { "properties": { key: false } },
    })
}
