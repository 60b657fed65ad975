//! Warnings as lines on stderr.

use mirror_model::Warning;

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

#[cfg(test)]
mod tests {
    use mirror_model::EntryIndex;

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
}
