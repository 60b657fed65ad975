//! Who signed, held against who may have.

use mirror_model::Identity;

use crate::Refusal;
use crate::shown::shown;

/// Returns issuer and subject of a certificate that was found good, fit to be shown, if any one of
/// `identities` is met: issuer equal, and subject matched anywhere, as Go does.
pub(crate) fn admit(
    issuer: Option<&str>,
    subject: Option<&str>,
    identities: &[Identity],
) -> Result<(String, String), Refusal> {
    // An empty text would be matched by many a pattern, and names nobody.
    let Some(issuer) = issuer.filter(|it| !it.is_empty()) else {
        return Err(Refusal::Anonymous { what: "OIDC issuer" });
    };
    let Some(subject) = subject.filter(|it| !it.is_empty()) else {
        return Err(Refusal::Anonymous { what: "subject (an email address or URI)" });
    };
    let is_met = |it: &Identity| it.issuer == issuer && it.subject.is_match(subject);
    let (issuer_shown, subject_shown) = (shown(issuer), shown(subject));
    if identities.iter().any(is_met) {
        Ok((issuer_shown, subject_shown))
    } else {
        Err(Refusal::Stranger { issuer: issuer_shown, identity: subject_shown })
    }
}

#[cfg(test)]
mod tests {
    use mirror_selector::Pattern;

    use super::*;

    const ISSUER: &str = "https://issuer.example";
    const ALICE: &str = "alice@example.test";

    #[track_caller]
    fn check(issuer: Option<&str>, subject: Option<&str>, pattern: &str, expected: bool) {
        let identity = |issuer: &str, pattern| Identity {
            issuer: issuer.to_owned(),
            subject: Pattern::compile(pattern).unwrap(),
        };
        let identities = [identity("https://other.example", "nobody"), identity(ISSUER, pattern)];
        let admitted = admit(issuer, subject, &identities);
        assert_eq!(admitted.is_ok(), expected, "{issuer:?} {subject:?} {pattern}: {admitted:?}");
    }

    #[test]
    fn the_issuer_is_equal_and_the_subject_is_matched_anywhere() {
        check(Some(ISSUER), Some(ALICE), "^alice@example\\.test$", true);
        check(Some(ISSUER), Some(ALICE), "example", true);
        check(Some(ISSUER), Some("alice@example.test.evil"), "alice@example.test", true);
        check(Some(ISSUER), Some("alice@example.test.evil"), "^alice@example\\.test$", false);
        check(Some(ISSUER), Some(ALICE), "ALICE", false);
        check(Some(ISSUER), Some(ALICE), "(?i)ALICE", true);
        check(Some("https://issuer.example/"), Some(ALICE), ".*", false);
        check(Some("HTTPS://ISSUER.EXAMPLE"), Some(ALICE), ".*", false);
        check(Some("https://other.example"), Some(ALICE), ".*", false);
    }

    #[test]
    fn nobody_is_not_matched_by_everything() {
        check(None, Some(ALICE), ".*", false);
        check(Some(ISSUER), None, ".*", false);
        check(Some(ISSUER), Some(""), ".*", false);
        check(Some(""), Some(ALICE), ".*", false);
        let refusal = admit(Some(ISSUER), None, &[]).unwrap_err();
        assert!(matches!(refusal, Refusal::Anonymous { .. }), "{refusal}");
    }

    #[test]
    fn a_stranger_is_named_without_control_characters() {
        let refusal = admit(Some(ISSUER), Some("eve\x1b[1m\u{202e}"), &[]).unwrap_err();
        let expected = "signed by eve\\u{1b}[1m\\u{202e} of issuer https://issuer.example";
        assert_eq!(refusal.to_string(), expected);
    }
}
