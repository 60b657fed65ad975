//! The report as a document: JSON and YAML with the same keys in the same order.
//!
//! What stands where is fixed by the specification, "9 Report". The document is made of the
//! [`Report`] alone. Texts are whole, and escaped so that a terminal may show the document.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use mirror_model::Report;

use crate::envelope::Document;
use crate::printable::is_unsafe;

/// What a report says besides what came of the run.
#[derive(Clone, Copy, Debug)]
pub struct ReportMeta<'a> {
    /// Our version, as in `flux-mirror/<version>`.
    pub version: &'a str,
    /// The version of the report: that of the config.
    pub api: ReportVersion,
    /// When the run began.
    pub started: Timestamp,
    /// How long it took.
    pub duration: Duration,
}

/// A version of the report. Both have the same fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReportVersion {
    /// `mirror.plugin.fluxcd.io/v1beta1`.
    V1Beta1,
    /// `mirror.plugin.fluxcd.io/v1beta2`.
    V1Beta2,
}

impl ReportVersion {
    /// Returns the report's `apiVersion`.
    pub fn api_version(self) -> &'static str {
        match self {
            Self::V1Beta1 => "mirror.plugin.fluxcd.io/v1beta1",
            Self::V1Beta2 => "mirror.plugin.fluxcd.io/v1beta2",
        }
    }

    /// Returns where the report's JSON Schema is published.
    pub fn schema_url(self) -> &'static str {
        match self {
            Self::V1Beta1 => {
                "https://raw.githubusercontent.com/fluxcd/flux-mirror/main/docs/report-v1beta1.schema.json"
            }
            Self::V1Beta2 => {
                "https://raw.githubusercontent.com/fluxcd/flux-mirror/main/docs/report-v1beta2.schema.json"
            }
        }
    }
}

/// Returns `report` as JSON, with a line end.
pub fn render_json(report: &Report, meta: &ReportMeta<'_>) -> String {
    let json = json(&Document::new(report, meta, Some(meta.api.schema_url())));
    // Outside of texts there is nothing that is not ASCII.
    let mut safe = escaped(&json, |safe, character| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            push(safe, format_args!("\\u{unit:04x}"));
        }
    });
    safe.push('\n');
    safe
}

/// Returns `report` as YAML, with a line end. What YAML 1.1 would take for another type is quoted.
pub fn render_yaml(report: &Report, meta: &ReportMeta<'_>) -> String {
    // `envelope::Text` has put what is unsafe between double quotes, where escapes mean what they do.
    escaped(&yaml(&Document::new(report, meta, None)), |safe, character| {
        push(safe, format_args!("\\U{:08x}", u32::from(character)));
    })
}

#[expect(clippy::expect_used, reason = "keys and texts are strings, so it is always JSON")]
fn json(document: &Document<'_>) -> String {
    serde_json::to_string_pretty(document).expect("a report is JSON")
}

#[expect(clippy::expect_used, reason = "keys and texts are strings, so it is always YAML")]
fn yaml(document: &Document<'_>) -> String {
    // One line a field, so that it can be searched for.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(document, options).expect("a report is YAML")
}

/// Escapes what is unsafe in a document, but for line ends.
fn escaped(document: &str, escape: impl Fn(&mut String, char)) -> String {
    let mut safe = String::with_capacity(document.len() + 1);
    for character in document.chars() {
        if character != '\n' && is_unsafe(character) {
            escape(&mut safe, character);
        } else {
            safe.push(character);
        }
    }
    safe
}

fn push(text: &mut String, written: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(written);
    // Writing to a `String` has no way to fail.
    debug_assert!(written.is_ok());
}

#[cfg(test)]
mod tests;
