//! Every validation of documents and entries, with the message it gives.

use super::*;

/// A config of one version with `text` in it is refused with these lines.
#[track_caller]
pub(super) fn check_text(text: &str, expected: &[&str]) {
    assert_eq!(Folder::new().errors(text), expected, "{text}");
}

/// One artifact with these fields.
#[track_caller]
fn artifact(fields: &str, expected: &[&str]) {
    check_text(&format!("{V1}artifacts:\n- {{{fields}}}\n"), expected);
}

/// One artifact that is in order but for these fields.
#[track_caller]
fn selector(fields: &str, expected: &str) {
    let text = format!("source: ghcr.io/a, destination: x.org/a, {fields}");
    artifact(&text, &[expected]);
}

/// One chart with these fields.
#[track_caller]
fn chart(fields: &str, expected: &[&str]) {
    check_text(&format!("{V1}charts:\n- {{{fields}}}\n"), expected);
}

#[test]
fn documents() {
    check_text(
        "apiVersion: v1\nkind: Config\n",
        &["DIR/mirror.yaml:1:13: apiVersion is none of mirror.plugin.fluxcd.io/v1beta1 and \
           mirror.plugin.fluxcd.io/v1beta2"],
    );
    check_text(
        "apiVersion: mirror.plugin.fluxcd.io/v1beta1\n",
        &["DIR/mirror.yaml:1:1: kind is missing, write `kind: Config`"],
    );
    check_text(V1, &["artifacts: at least one artifact or chart is required"]);
    check_text(
        &format!("{V1}artifacts: []\ncharts:\n"),
        &["artifacts: at least one artifact or chart is required"],
    );
    check_text(
        &format!("{V1}artifact: []\n"),
        &["DIR/mirror.yaml:3:1: unknown field `artifact`, expected one of `apiVersion`, `kind`, \
           `artifacts`, `charts`, `hosts`"],
    );
    check_text(
        &format!("{V1}artifacts:\n- source: a\n  selector:\n    sortby: x\n"),
        &["DIR/mirror.yaml:6:5: unknown field `sortby`, expected one of `regex`, `semver`, \
           `sortBy`, `limit`"],
    );
    check_text(
        &format!("{V1}hosts: []\nhosts: []\n"),
        &["DIR/mirror.yaml:4:1: `hosts` stands here twice"],
    );
    check_text(
        &format!("{V1}artifacts: [~]\n"),
        &["DIR/mirror.yaml:3:13: expected a mapping, found nothing"],
    );
    // The other version's fields are unknown.
    check_text(
        &format!("{V2}hosts: [{{host: a.org, username: x}}]\n"),
        &["DIR/mirror.yaml:3:23: unknown field `username`, expected one of `host`, `credential`, \
           `provider`, `tls`, `maxChunkSize`"],
    );
    check_text(
        &format!("{V1}hosts: [{{host: a.org, credential: {{type: jwt}}}}]\n"),
        &["DIR/mirror.yaml:3:36: unknown field `type`, expected one of `provider`, `value`, \
           `fromPath`, `jwkPath`, `jwkValue`, `iss`, `sub`, `aud`, `exp`"],
    );
    check_text(
        &format!("{V1}artifacts:\n- {{source: '${{NOPE}}', destination: '${{ALSO}}'}}\n"),
        &[
            "DIR/mirror.yaml:4:13: variable `NOPE` is not set (`${NOPE:-…}` has a default)",
            "DIR/mirror.yaml:4:37: variable `ALSO` is not set (`${ALSO:-…}` has a default)",
        ],
    );
}

#[test]
fn artifacts() {
    artifact("", &["artifacts[0].source: is required", "artifacts[0].destination: is required"]);
    artifact(
        "source: ghcr.io/a:1, destination: ghcr.io/a@sha256:00",
        &[
            "artifacts[0].source: `ghcr.io/a:1` ends with a tag or port, a repository alone is wanted",
            "artifacts[0].destination: `ghcr.io/a@sha256:00` ends with a digest, a repository alone \
             is wanted",
        ],
    );
    artifact(
        "source: 'oci://ghcr.io/a', destination: 'https://ghcr.io/a'",
        &[
            "artifacts[0].source: `oci://` does not belong here, write the repository without it",
            "artifacts[0].destination: `https://` does not belong here, write the repository \
             without it",
        ],
    );
    artifact(
        "source: ghcr.io/A, destination: nginx",
        &[
            "artifacts[0].source: `ghcr.io/A` has upper case in it, repositories are lower case",
            "artifacts[0].destination: `nginx` names no registry host (for Docker Hub: docker.io/…)",
        ],
    );
    artifact(
        "source: ghcr.io/a//b, destination: 'a..b/c'",
        &[
            "artifacts[0].source: `a//b` is no repository name: lower-case words joined by `.`, `_`, \
             `-` and `/`",
            "artifacts[0].destination: `a..b` is no registry host: a host name or address with an \
             optional port, without scheme or path",
        ],
    );
    artifact(
        "source: 'oci-layout://', destination: 'oci-layout://../x'",
        &[
            "artifacts[0].source: a path is missing after oci-layout://",
            "artifacts[0].destination: path `../x` leaves the config's folder DIR (--layout-root \
             allows another) by ..",
        ],
    );
    artifact(
        "source: 'oci-layout:///tmp/x', destination: 'oci-layout://link'",
        &[
            "artifacts[0].source: path `/tmp/x` is absolute and outside of --layout-root, which is \
             not given: write it relative to the config's folder DIR",
            "artifacts[0].destination: path `link` leaves the config's folder DIR (--layout-root \
             allows another) by a symbolic link",
        ],
    );
}

#[test]
fn selectors() {
    selector("selector: {regex: {}}", "artifacts[0].selector.regex.pattern: is required");
    let folder = Folder::new();
    let lines = |fields: &str| {
        let text = format!(
            "{V1}artifacts: [{{source: ghcr.io/a, destination: x.org/a, selector: {{{fields}}}}}]"
        );
        folder.errors(&text)
    };
    for (fields, start) in [
        ("regex: {pattern: '('}", "artifacts[0].selector: regex.pattern `(` does not compile: "),
        (
            "regex: {pattern: a, extract: $b}",
            "artifacts[0].selector: regex.extract `$b` does not fit the pattern: ",
        ),
        ("semver: 'x y'", "artifacts[0].selector: semver `x y` is no constraint: "),
    ] {
        let lines = lines(fields);
        assert!(lines.len() == 1 && lines[0].starts_with(start), "{fields}: {lines:?}");
    }
    selector(
        "selector: {sortBy: date}",
        "artifacts[0].selector: sortBy `date` is none of semver, alphabetical and numerical",
    );
    selector("selector: {limit: -1}", "artifacts[0].selector.limit: must not be negative");
    let all = lines("regex: {}, semver: 'x y', sortBy: date, limit: -1");
    assert_eq!(all.len(), 4, "{all:?}");
    let all = lines("regex: {pattern: '('}, semver: 'x y', sortBy: date");
    assert_eq!(all.len(), 3, "{all:?}");
}

#[test]
fn verification() {
    selector(
        "verify: {provider: notation, matchOIDCIdentity: [{issuer: a, subject: b}]}",
        "artifacts[0].verify.provider: is not cosign",
    );
    selector(
        "verify: {matchOIDCIdentity: [{issuer: a, subject: b}]}",
        "artifacts[0].verify.provider: is required",
    );
    for identities in ["", ", matchOIDCIdentity: []", ", matchOIDCIdentity: "] {
        selector(
            &format!("verify: {{provider: cosign{identities}}}"),
            "artifacts[0].verify.matchOIDCIdentity: at least one identity is required",
        );
    }
    let identity = |fields: &str| {
        format!(
            "verify: {{provider: cosign, matchOIDCIdentity: [{{issuer: a, subject: b}}, {{{fields}}}]}}"
        )
    };
    let path = "artifacts[0].verify.matchOIDCIdentity[1]";
    selector(&identity("subject: b"), &format!("{path}.issuer: is required"));
    selector(&identity("issuer: a"), &format!("{path}.subject: is required"));
    let text = format!(
        "{V1}artifacts: [{{source: ghcr.io/a, destination: x.org/a, {}}}]",
        identity("issuer: a, subject: '('")
    );
    let lines = Folder::new().errors(&text);
    assert!(lines.len() == 1 && lines[0].starts_with(&format!("{path}.subject: ")), "{lines:?}");
    let min_age = |age: &str| {
        format!(
            "verify: {{provider: cosign, minAge: {age}, matchOIDCIdentity: [{{issuer: a, subject: b}}]}}"
        )
    };
    selector(&min_age("-1h"), "artifacts[0].verify.minAge: must not be negative");
    selector(
        &min_age("2d"),
        "artifacts[0].verify.minAge: `2d` is no duration: numbers with a unit of ns, us, ms, s, m \
         or h, as in 1h30m or 1.5s",
    );
    selector(
        &min_age("99999999h"),
        "artifacts[0].verify.minAge: `99999999h` is too long: 2562047h47m16.854775807s at most",
    );
}

#[test]
fn charts() {
    chart(
        "",
        &[
            "charts[0].name: is required",
            "charts[0].source: is required",
            "charts[0].destination: is required",
        ],
    );
    let with = |field: &str, expected: &str| {
        let mut fields = vec!["name: c", "source: 'https://x.org'", "destination: 'oci://x.org/y'"];
        let name = field.split(':').next().unwrap();
        fields.retain(|other| !other.starts_with(&format!("{name}:")));
        fields.push(field);
        chart(&fields.join(", "), &[expected]);
    };
    let grammar = "is no repository name: lower-case words joined by `.`, `_`, `-` and `/`";
    with("name: Upper", &format!("charts[0].name: `Upper` {grammar}"));
    with("name: a/b", "charts[0].name: `a/b` has a slash, a chart's name has none");
    for source in ["oci://ghcr.io/a", "oci-layout://x"] {
        with(
            &format!("source: '{source}'"),
            "charts[0].source: is no HTTP repository: charts of OCI registries and layouts go under \
             artifacts",
        );
    }
    for source in ["ftp://x.org", "file:///x"] {
        with(
            &format!("source: '{source}'"),
            "charts[0].source: must begin with http:// or https://",
        );
    }
    for source in ["x.org", "https://", "'https://x^y'"] {
        with(
            &format!("source: {source}"),
            "charts[0].source: is no URL, as in https://charts.example.org",
        );
    }
    for source in ["'https://x y'", "\"https://x\\ny\""] {
        with(
            &format!("source: {source}"),
            "charts[0].source: holds white space or control characters",
        );
    }
    for source in ["https://me:hunter2@x.org", "https://me@x.org", "https://:hunter2@x.org"] {
        with(
            &format!("source: '{source}'"),
            "charts[0].source: must hold no user or password: helm repo add keeps them in \
             repositories.yaml",
        );
    }
    for destination in ["x.org/y", "https://x.org/y", "oci:x.org/y"] {
        with(
            &format!("destination: '{destination}'"),
            "charts[0].destination: must begin with oci:// (or oci-layout:// for a folder)",
        );
    }
    with(
        "destination: 'oci://x.org/y:1'",
        "charts[0].destination: `x.org/y:1/c` ends with a tag or port, a repository alone is wanted",
    );
    with(
        "destination: 'oci://x.org/Y'",
        "charts[0].destination: `x.org/Y/c` has upper case in it, repositories are lower case",
    );
    with(
        "destination: 'oci://'",
        "charts[0].destination: must begin with oci:// (or oci-layout:// for a folder)",
    );
    with(
        "destination: 'oci-layout://'",
        "charts[0].destination: a path is missing after oci-layout://",
    );
    with(
        "destination: 'oci-layout:///'",
        "charts[0].destination: path `/c` is absolute and outside of --layout-root, which is not \
         given: write it relative to the config's folder DIR",
    );
    let text = format!(
        "{V1}charts: [{{name: c, source: 'https://x.org', destination: 'oci://x.org/y', version: 'x y'}}]"
    );
    let lines = Folder::new().errors(&text);
    let start = "charts[0].version: semver `x y` is no constraint: ";
    assert!(lines.len() == 1 && lines[0].starts_with(start), "{lines:?}");
    with("limit: -1", "charts[0].limit: must not be negative");
}

#[test]
fn all_are_reported_together() {
    let text = format!(
        "{V1}artifacts:\n- source: ghcr.io/A\n- {{source: ghcr.io/a, destination: x.org/a, \
         selector: {{limit: -1}}}}\ncharts:\n- {{name: c}}\nhosts:\n- host: a b\n- {{host: a.org, \
         username: x}}\n"
    );
    let lines = Folder::new().errors(&text);
    let paths: Vec<_> = lines.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        paths,
        [
            "artifacts[0].source",
            "artifacts[0].destination",
            "artifacts[1].selector.limit",
            "charts[0].source",
            "charts[0].destination",
            "hosts[0].host",
            "hosts[0]",
            "hosts[1].username",
            "hosts[1]",
        ]
    );
}

#[test]
fn of_too_many_the_rest_is_counted() {
    let lines = Folder::new().errors(&format!("{V1}charts:\n{}", "- {name: c}\n".repeat(501)));
    assert_eq!(lines.len(), 1001);
    assert_eq!(lines[1000], "and 2 more");
    let lines = Folder::new().errors(&"- ${X}\n".repeat(1500));
    assert_eq!(lines[1000..], ["and 501 more"]);
}

#[test]
fn no_line_does_anything_to_a_terminal() {
    artifact(
        "source: \"ghcr.io/a\\e[31m\", destination: \"oci-layout://a\\nb\"",
        &[
            "artifacts[0].source: `a\\u{1b}[31m` is no repository name: lower-case words joined by \
             `.`, `_`, `-` and `/`",
            "artifacts[0].destination: path `a\\nb` holds a control character",
        ],
    );
}

#[test]
fn what_a_variable_holds_is_not_shown() {
    artifact(
        "source: '${BAD}', destination: 'oci-layout://../${BAD}', selector: {semver: '${BAD}', \
         regex: {pattern: '(${BAD}'}, sortBy: '${BAD}'}",
        &[
            "artifacts[0].source: `…` ends with a digest, a repository alone is wanted (from ${BAD})",
            "artifacts[0].destination: path `…` leaves the config's folder DIR (--layout-root \
             allows another) by .. (from ${BAD})",
            "artifacts[0].selector: sortBy `…` is none of semver, alphabetical and numerical (from \
             ${BAD})",
            "artifacts[0].selector: regex.pattern `…` at byte 0 (from ${BAD})",
            "artifacts[0].selector: semver `…` is no list of comparisons with versions (from \
             ${BAD})",
        ],
    );
    let everywhere = [
        "{V1}artifacts: [{source: X, destination: X, includeReferrers: X}]",
        "{V1}artifacts: [{source: X, destination: X, selector: {regex: {pattern: 'X(', extract: X}, semver: X, sortBy: X}, verify: {provider: X, minAge: X, matchOIDCIdentity: [{issuer: X, subject: 'X('}]}}]",
        "{V1}artifacts: [{source: X, destination: X, selector: {limit: X}}]",
        "{V1}charts: [{name: X, source: X, destination: X, version: X}]",
        "{V1}charts: [{name: X, source: 'https://X', destination: 'oci://X', version: X}]",
        "{V1}charts: [{name: c, source: 'https://x', destination: 'oci-layout://X/../../../../X'}]",
        "{V1}hosts: [{host: X, username: X, provider: X, credential: {provider: X, value: X}}]",
        "{V1}hosts: [{host: a.org, credential: {fromPath: X}}]",
        "{V1}hosts: [{host: a.org, credential: {jwkPath: X, iss: X, sub: X, aud: X, exp: X}}]",
        "{V1}hosts: [{host: a.org, tls: {serverAuth: {fromPath: X}, clientAuth: {provider: X}}}]",
        "{V1}hosts: [{host: a.org, tls: {serverAuth: {spiffe: {serverID: X}}}}, {host: b.org, tls: {serverAuth: {spiffe: {trustDomain: X}}}}]",
        "{V2}hosts: [{host: a.org, credential: {type: X, value: X}, provider: X}]",
        "{V1}X: X",
        "{V1}artifacts: [{X: X}]",
        "apiVersion: X\nkind: X",
        "{V1}artifacts: [&a {source: X, destination: X}, *a]\nhosts: [{<<: {host: X}}]",
    ];
    for template in everywhere {
        for value in ["${BAD}", "${BAD^^}", "${NOPE:-${BAD#H}}"] {
            let text = template.replace("{V1}", V1).replace("{V2}", V2).replace('X', value);
            let shown = Folder::new().errors(&text).join("\n").to_lowercase();
            assert!(!shown.contains("unter2"), "{text}\n{shown}");
            assert!(!shown.is_empty(), "{text}");
        }
    }
}
