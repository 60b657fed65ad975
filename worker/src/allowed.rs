//! Destinations that a worker may write, whatever it is asked.

use mirror_oci::Place;

/// Destinations that a worker may write: all, or those below some prefixes.
#[derive(Clone, Debug)]
pub(crate) struct Allowed(Vec<String>);

impl Allowed {
    /// Takes prefixes of `host/repository`; none is all.
    pub(crate) fn new(prefixes: Vec<String>) -> Self {
        Self(prefixes)
    }

    /// Returns whether `destination` may be written: where a prefix ends, a path component ends too.
    pub(crate) fn permits(&self, destination: &Place) -> bool {
        let Place::Registry(repository) = destination else { return false };
        let name = repository.to_string();
        self.0.is_empty() || self.0.iter().any(|prefix| is_below(&name, prefix))
    }
}

fn is_below(name: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    let rest = name.strip_prefix(prefix);
    !prefix.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(prefixes: &[&str], destination: &str, expected: bool) {
        let allowed = Allowed::new(prefixes.iter().map(ToString::to_string).collect());
        let place = Place::Registry(destination.parse().unwrap());
        assert_eq!(allowed.permits(&place), expected, "{destination} below {prefixes:?}");
    }

    #[test]
    fn prefixes_end_where_components_end() {
        check(&[], "r.io/team/app", true);
        check(&["r.io"], "r.io/team/app", true);
        check(&["r.io/"], "r.io/team/app", true);
        check(&["r.io/team"], "r.io/team/app", true);
        check(&["r.io/team/"], "r.io/team/app", true);
        check(&["r.io/team/app"], "r.io/team/app", true);
        check(&["o.io", "r.io/team"], "r.io/team/app", true);
        check(&["r.io/te"], "r.io/team/app", false);
        check(&["r.i"], "r.io/team/app", false);
        check(&["r.io"], "r.io.evil/team/app", false);
        check(&["r.io"], "r.io:5000/team/app", false);
        check(&["r.io/team/app/x"], "r.io/team/app", false);
        check(&[""], "r.io/team/app", false);
        check(&["/"], "r.io/team/app", false);
        check(&["docker.io/library"], "docker.io/nginx", true);
    }
}
