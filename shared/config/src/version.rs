//! The versions of the config API, told apart before anything else is read.

use std::fmt;

use crate::document::Document;
use crate::position::Fault;

/// The kind of a config.
const KIND: &str = "Config";

/// A version of the config API; the report is of the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApiVersion {
    /// `mirror.plugin.fluxcd.io/v1beta1`
    V1Beta1,
    /// `mirror.plugin.fluxcd.io/v1beta2`
    V1Beta2,
}

impl ApiVersion {
    /// Every version there is.
    pub const ALL: [Self; 2] = [Self::V1Beta1, Self::V1Beta2];

    /// Returns the version as configs and reports write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1Beta1 => "mirror.plugin.fluxcd.io/v1beta1",
            Self::V1Beta2 => "mirror.plugin.fluxcd.io/v1beta2",
        }
    }

    /// Reads the version and the kind of a document.
    pub(crate) fn of(document: &Document) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let known = Self::ALL.map(Self::as_str).join(" and ");
        let version = match document.top_scalar("apiVersion") {
            Some((text, position)) => {
                let version = Self::ALL.into_iter().find(|version| version.as_str() == text);
                if version.is_none() {
                    let message = format!("apiVersion is none of {known}");
                    faults.push(Fault::new(position, message));
                }
                version
            }
            None => {
                let message = format!("apiVersion is missing, one of {known}");
                faults.push(Fault::new(document.start(), message));
                None
            }
        };
        match document.top_scalar("kind") {
            Some((KIND, _)) => {}
            Some((_, position)) => {
                faults.push(Fault::new(position, format!("kind is not {KIND}")));
            }
            None => {
                let message = format!("kind is missing, write `kind: {KIND}`");
                faults.push(Fault::new(document.start(), message));
            }
        }
        version.filter(|_| faults.is_empty()).ok_or(faults)
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<ApiVersion, &[&str]>) {
        let document = Document::read(text, None).unwrap();
        let read = ApiVersion::of(&document).map_err(|faults| {
            let line = |fault: Fault| {
                format!("{}:{}: {}", fault.position.line, fault.position.column, fault.message)
            };
            faults.into_iter().map(line).collect::<Vec<_>>()
        });
        let expected = expected.map_err(|lines| lines.iter().map(ToString::to_string).collect());
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn the_version_is_read_first() {
        let one = "apiVersion: mirror.plugin.fluxcd.io/v1beta1\n";
        let two = "apiVersion: mirror.plugin.fluxcd.io/v1beta2\n";
        let both = "mirror.plugin.fluxcd.io/v1beta1 and mirror.plugin.fluxcd.io/v1beta2";
        check(&format!("{one}kind: Config"), Ok(ApiVersion::V1Beta1));
        check(&format!("hosts: [{{kind: x}}, []]\nkind: Config\n{two}"), Ok(ApiVersion::V1Beta2));
        check(
            "kind: Config\napiVersion: v1\n",
            Err(&[&format!("2:13: apiVersion is none of {both}")]),
        );
        check("kind: Config", Err(&[&format!("1:1: apiVersion is missing, one of {both}")]));
        check(&format!("{one}kind: config"), Err(&["2:7: kind is not Config"]));
        check(one, Err(&["1:1: kind is missing, write `kind: Config`"]));
        check(
            "a: {apiVersion: x}\nkind: [Config]\n",
            Err(&[
                &format!("1:1: apiVersion is missing, one of {both}"),
                "1:1: kind is missing, write `kind: Config`",
            ]),
        );
    }

    #[test]
    fn versions_are_of_one_group() {
        for version in ApiVersion::ALL {
            assert!(version.as_str().starts_with("mirror.plugin.fluxcd.io/"));
        }
    }
}
