//! The `WWW-Authenticate` header: how a registry wants to be convinced (RFC 9110, section 11.6.1).

use mirror_transport::header::{HeaderMap, WWW_AUTHENTICATE};

/// How a registry wants to be convinced.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Challenge {
    /// With user and password.
    Basic,
    /// With a token from a realm.
    Bearer(Bearer),
}

/// Where tokens come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Bearer {
    pub(crate) realm: String,
    pub(crate) service: Option<String>,
    pub(crate) scope: Option<String>,
}

impl Bearer {
    /// Returns what of a challenge holds for every repository: one repository's scope is its own.
    pub(crate) fn for_all(&self) -> Self {
        let scopes = self.scope.iter().flat_map(|scope| scope.split_ascii_whitespace());
        let general: Vec<&str> = scopes.filter(|scope| !scope.starts_with("repository:")).collect();
        let scope = (!general.is_empty()).then(|| general.join(" "));
        Self { scope, ..self.clone() }
    }
}

/// Longer than any challenge of a registry.
const MAX_CHARS: usize = 8 << 10;

/// Returns the challenge of an answer that can be met: a token before Basic.
pub(crate) fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    let found: Vec<Challenge> =
        texts.filter(|text| text.len() <= MAX_CHARS).flat_map(read).collect();
    let bearer = found.iter().find(|challenge| matches!(challenge, Challenge::Bearer(_)));
    bearer.or(found.first()).cloned()
}

/// Reads the challenges of one header: `Scheme name=value, name="value", Scheme …`.
fn read(text: &str) -> Vec<Challenge> {
    let mut challenges = Vec::new();
    let mut rest = text.trim_start_matches([' ', ',', '\t']);
    while !rest.is_empty() {
        let end = rest.find([' ', ',', '\t']).unwrap_or(rest.len());
        let scheme = &rest[..end];
        rest = rest[end..].trim_start_matches([' ', '\t']);
        let mut bearer = Bearer::default();
        while let Some((name, value, after)) = parameter(rest) {
            match name.to_ascii_lowercase().as_str() {
                "realm" => bearer.realm = value,
                "service" => bearer.service = Some(value),
                "scope" => bearer.scope = Some(value),
                _ => {}
            }
            rest = after.trim_start_matches([' ', '\t']);
            match rest.strip_prefix(',') {
                Some(after) => rest = after.trim_start_matches([' ', '\t', ',']),
                None => break,
            }
        }
        if scheme.eq_ignore_ascii_case("basic") {
            challenges.push(Challenge::Basic);
        } else if scheme.eq_ignore_ascii_case("bearer") && !bearer.realm.is_empty() {
            challenges.push(Challenge::Bearer(bearer));
        } else if end == 0 {
            break;
        }
        rest = rest.trim_start_matches([' ', ',', '\t']);
    }
    challenges
}

/// Reads `name=value` or `name="value"` at the start of `text`; returns what follows too.
fn parameter(text: &str) -> Option<(&str, String, &str)> {
    let (name, rest) = text.split_once('=')?;
    let name = name.trim_end();
    if name.is_empty() || name.contains([' ', ',', '"', '\t']) {
        return None;
    }
    let rest = rest.trim_start();
    let Some(quoted) = rest.strip_prefix('"') else {
        let end = rest.find([',', ' ', '\t']).unwrap_or(rest.len());
        return Some((name, rest[..end].to_owned(), &rest[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((name, value, &quoted[at + 1..])),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            plain => value.push(plain),
        }
    }
    Some((name, value, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut headers = HeaderMap::new();
        headers.insert(WWW_AUTHENTICATE, text.parse().unwrap());
        let shown = match challenge(&headers) {
            None => "none".to_owned(),
            Some(Challenge::Basic) => "basic".to_owned(),
            Some(Challenge::Bearer(Bearer { realm, service, scope })) => {
                format!("{realm} {} {}", service.unwrap_or_default(), scope.unwrap_or_default())
            }
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn reads_what_registries_say() {
        check("Basic realm=\"x\"", "basic");
        check("basic", "basic");
        check(
            "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:a/b:pull,push\"",
            "https://auth.docker.io/token registry.docker.io repository:a/b:pull,push",
        );
        check("Bearer realm=https://a/t , service = b", "https://a/t b ");
        check("Bearer realm=\"a\\\"b\"", "a\"b  ");
        check("Basic realm=\"x\", Bearer realm=\"y\"", "y  ");
        check("Bearer realm=\"y\", Basic realm=\"x\"", "y  ");
        check("Negotiate, Basic realm=\"x\"", "basic");
        check("Negotiate abc==, Basic", "basic");
        check("Bearer", "none");
        check("Bearer realm=\"unclosed", "unclosed  ");
        check(",,,", "none");
        check("=", "none");
    }

    #[test]
    fn the_scope_of_one_repository_is_not_kept_for_others() {
        let of = |scope: &str| {
            let scope = Some(scope.to_owned());
            Bearer { realm: "r".to_owned(), service: None, scope }.for_all().scope
        };
        assert_eq!(of("repository:a:pull"), None);
        assert_eq!(
            of("repository:a:pull aws registry:catalog:*").unwrap(),
            "aws registry:catalog:*"
        );
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(text in "[ -~]{0,80}") {
            let _ = read(&text);
        }

        #[test]
        fn reading_arbitrary_text_never_panics(text in "(Bearer |Basic |realm=|\"|\\\\|,| |é|=|x){0,30}") {
            let _ = read(&text);
        }
    }
}
