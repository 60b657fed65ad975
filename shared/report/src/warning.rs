//! Warnings as lines on stderr.

use mirror_model::{Row, Status, Warning};

use crate::lines::notice_line;

/// Returns the line that tells people of `warning`: `! <message>`.
pub fn warning_line(warning: &Warning) -> String {
    match warning {
        Warning::Run { message } => notice_line(message),
        Warning::Entry { source, message, .. } => notice_line(&format!("{source}: {message}")),
        Warning::Registry { host, message } => notice_line(&format!("{host} warns: {message}")),
        Warning::Credential { host, source } => {
            notice_line(&format!("the credential for {host} comes from {source}"))
        }
        Warning::TokenRealm { host, realm } => {
            notice_line(&format!("tokens for {host} come from {realm}"))
        }
    }
}

/// Returns the lines that tell people of what is attached to a row's content and was left alone, since the
/// destination holds another one: of cosign's old tags, whose drift is no tag's.
pub(crate) fn drifted_lines(destination: &str, row: &Row) -> impl Iterator<Item = String> {
    let destination = destination.strip_prefix("oci://").unwrap_or(destination);
    let drifted = row.referrers.iter().filter(|referrer| referrer.status == Status::Drifted);
    drifted.filter_map(move |referrer| {
        let name = referrer.name.as_ref()?;
        Some(notice_line(&format!(
            "{destination}:{name} holds what the source does not, and was left alone: \
             `overwrite: true` replaces it"
        )))
    })
}

#[cfg(test)]
mod tests {
    use mirror_model::{EntryIndex, ReferrerRow};
    use mirror_oci::Digest;

    use super::*;

    #[track_caller]
    fn check(warning: &Warning, expected: &str) {
        assert_eq!(warning_line(warning), expected);
    }

    #[test]
    fn a_warning_is_one_line() {
        let (host, source) = ("r.example".to_owned(), "r.example/a".to_owned());
        let message = "no tag\nselected".to_owned();
        check(
            &Warning::Entry { entry: EntryIndex(0), source, message: message.clone() },
            "! r.example/a: no tag\\nselected",
        );
        check(
            &Warning::Registry { host: host.clone(), message },
            "! r.example warns: no tag\\nselected",
        );
        let realm = "https://auth.example/token".to_owned();
        check(
            &Warning::TokenRealm { host, realm },
            "! tokens for r.example come from https://auth.example/token",
        );
    }

    #[test]
    fn an_old_tag_that_drifted_is_one_line() {
        let row = |name: Option<&str>, status| ReferrerRow {
            digest: Digest::of(b"signature"),
            artifact_type: None,
            name: name.map(|name| name.parse().unwrap()),
            status,
        };
        let row = Row {
            tag: "1.0".to_owned(),
            status: Status::Copied,
            digest: None,
            referrers: vec![
                row(None, Status::Drifted),
                row(Some("sha256-ab.att"), Status::Copied),
                row(Some("sha256-ab.sig"), Status::Drifted),
            ],
            verification: None,
        };
        let lines: Vec<String> = drifted_lines("oci://r.example/a\u{9b}", &row).collect();
        let expected = "! r.example/a\\u{9b}:sha256-ab.sig holds what the source does not, and was \
                        left alone: `overwrite: true` replaces it";
        assert_eq!(lines, [expected]);
    }
}
