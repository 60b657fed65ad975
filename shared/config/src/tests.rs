//! Configs as their authors write them: what is read, and every reason to refuse one.

mod examples;
mod host_violations;
mod hosts;
mod violations;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use mirror_model::EntrySource;
use mirror_oci::Place;
use mirror_tests::pki::Pki;

use super::*;

/// RFC 8037, appendix A.
const JWK: &str = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\
                   \"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}";

/// Certificates and keys that are what they seem.
static PKI: LazyLock<Pki> = LazyLock::new(Pki::new);

/// A folder with a config's files, and the environment of all tests.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (file, text) in [("token", "t"), ("text.pem", "c"), ("jwk.json", JWK)] {
            fs::write(folder.path().join(file), text).unwrap();
        }
        for file in ["ca.pem", "client.pem", "client.key", "other.key"] {
            fs::copy(PKI.folder().join(file), folder.path().join(file)).unwrap();
        }
        fs::create_dir(folder.path().join("folder")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("link")).unwrap();
        // As Kubernetes projects a volume.
        fs::create_dir(folder.path().join("..2026")).unwrap();
        fs::write(folder.path().join("..2026/projected"), "p").unwrap();
        std::os::unix::fs::symlink("..2026", folder.path().join("..data")).unwrap();
        std::os::unix::fs::symlink("..data/projected", folder.path().join("projected")).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn load_for(&self, text: &str, purpose: Purpose) -> Result<MirrorConfig, ConfigErrors> {
        let environment = |name: &str| match name {
            "GH_TOKEN" | "REGISTRY_PASSWORD" => Some("hunter2".to_owned()),
            "REGISTRY_USERNAME" => Some("robot".to_owned()),
            "REGISTRY" => Some("registry.example.com".to_owned()),
            "BAD" => Some("Hunter2/x:y@z".to_owned()),
            "EMPTY" => Some(String::new()),
            "JWK" => Some(JWK.to_owned()),
            "CA" => Some(fs::read_to_string(PKI.ca()).unwrap()),
            "CLIENT_KEY" => Some(fs::read_to_string(PKI.client().1).unwrap()),
            _ => None,
        };
        let options =
            LoadOptions { envsubst: true, environment: &environment, layout_root: None, purpose };
        let source = ConfigSource::File(self.path().join("mirror.yaml"));
        MirrorConfig::parse(text.as_bytes(), &source, &options)
    }

    fn load(&self, text: &str) -> Result<MirrorConfig, ConfigErrors> {
        self.load_for(text, Purpose::Sync)
    }

    /// Returns the lines of the errors, without the folder's name.
    fn errors(&self, text: &str) -> Vec<String> {
        let path = fs::canonicalize(self.path()).unwrap();
        match self.load(text) {
            Ok(_) => Vec::new(),
            Err(errors) => {
                errors.lines().map(|line| line.replace(path.to_str().unwrap(), "DIR")).collect()
            }
        }
    }
}

const V1: &str = "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\n";
const V2: &str = "apiVersion: mirror.plugin.fluxcd.io/v1beta2\nkind: Config\n";
const ARTIFACT: &str = "artifacts: [{source: ghcr.io/a/b, destination: localhost:5000/a/b}]\n";

#[test]
fn defaults_are_those_of_the_api() {
    let folder = Folder::new();
    let text = format!(
        "{V1}{ARTIFACT}charts: [{{name: c, source: 'https://x.org/h', destination: 'oci://x.org/y'}}]"
    );
    let config = folder.load(&text).unwrap();
    assert_eq!(config.api_version, ApiVersion::V1Beta1);
    assert!(config.hosts.is_empty() && config.warnings.is_empty());
    let [artifact, chart] = &config.entries[..] else { panic!("two entries") };

    assert_eq!(artifact.source_name, "ghcr.io/a/b");
    assert_eq!(artifact.destination_name, "localhost:5000/a/b");
    let spec = artifact.selector.spec();
    assert_eq!((spec.limit, spec.semver.as_deref(), &spec.regex), (1, None, &None));
    assert_eq!(spec.sort_by.as_str(), "semver");
    assert!(!artifact.overwrite);
    let EntrySource::Artifact { place, referrers, verify } = &artifact.source else {
        panic!("an artifact")
    };
    assert_eq!(place.to_string(), "ghcr.io/a/b");
    assert!(!referrers && verify.is_none());

    assert_eq!(chart.source_name, "https://x.org/h/c");
    assert_eq!(chart.destination_name, "x.org/y/c");
    assert_eq!(chart.destination.to_string(), "x.org/y/c");
    let spec = chart.selector.spec();
    assert_eq!((spec.limit, spec.semver.as_deref(), &spec.regex), (1, Some("*"), &None));
}

#[test]
fn every_field_of_an_entry_is_read() {
    let folder = Folder::new();
    let text = format!(
        "{V1}
artifacts:
- source: docker.io/nginx
  destination: ${{REGISTRY}}/library/nginx
  selector:
    regex: {{pattern: '^v(?P<v>.*)$', extract: $v}}
    semver: '>=1.0.0'
    sortBy: alphabetical
    limit: 0
  overwrite: yes
  includeReferrers: on
  verify:
    provider: cosign
    minAge: 48h
    matchOIDCIdentity:
    - {{issuer: https://token.actions.githubusercontent.com, subject: '^https://github\\.com/x/'}}
charts:
- {{name: c, source: 'http://x.org/h/', destination: 'oci://x.org/y/', version: 1.10, limit: 3, overwrite: true}}
"
    );
    let config = folder.load(&text).unwrap();
    let artifact = &config.entries[0];
    assert_eq!(artifact.source_name, "docker.io/nginx");
    assert_eq!(artifact.destination_name, "registry.example.com/library/nginx");
    assert!(artifact.overwrite);
    let spec = artifact.selector.spec();
    let regex = spec.regex.as_ref().unwrap();
    assert_eq!(regex.pattern, "^v(?P<v>.*)$");
    assert_eq!(regex.extract.as_deref(), Some("$v"));
    assert_eq!(spec.semver.as_deref(), Some(">=1.0.0"));
    assert_eq!((spec.sort_by.as_str(), spec.limit), ("alphabetical", 0));
    let EntrySource::Artifact { place, referrers, verify } = &artifact.source else {
        panic!("an artifact")
    };
    assert_eq!(place.to_string(), "docker.io/library/nginx");
    assert!(referrers);
    let verify = verify.as_ref().unwrap();
    assert_eq!(verify.min_age.as_secs(), 48 * 3600);
    assert_eq!(verify.identities[0].subject.text(), "^https://github\\.com/x/");
    let chart = &config.entries[1];
    assert_eq!(chart.source_name, "http://x.org/h/c");
    assert_eq!(chart.destination_name, "x.org/y/c");
    assert_eq!(chart.selector.spec().semver.as_deref(), Some("1.10"));
    assert_eq!(chart.selector.spec().limit, 3);
    assert!(chart.overwrite);
}

#[test]
fn layouts_are_places() {
    let folder = Folder::new();
    let base = fs::canonicalize(folder.path()).unwrap();
    let text = format!(
        "{V1}artifacts: [{{source: 'oci-layout://in/app', destination: 'oci-layout://./out'}}]
charts: [{{name: c, source: 'https://x.org', destination: 'oci-layout://charts/'}}]"
    );
    let config = folder.load(&text).unwrap();
    let [artifact, chart] = &config.entries[..] else { panic!("two entries") };
    assert_eq!(artifact.source_name, "oci-layout://in/app");
    assert_eq!(artifact.destination_name, "oci-layout://./out");
    assert_eq!(chart.destination_name, "oci-layout://charts/c");
    let path = |place: &Place| match place {
        Place::Layout(path) => path.as_path().strip_prefix(&base).unwrap().to_owned(),
        Place::Registry(_) => panic!("a layout"),
    };
    let EntrySource::Artifact { place, .. } = &artifact.source else { panic!("an artifact") };
    assert_eq!(path(place), Path::new("in/app"));
    assert_eq!(path(&artifact.destination), Path::new("out"));
    assert_eq!(path(&chart.destination), Path::new("charts/c"));
}

#[test]
fn a_file_is_read_within_its_bound() {
    let folder = Folder::new();
    let none = |_: &str| None;
    let options = LoadOptions {
        envsubst: true,
        environment: &none,
        layout_root: None,
        purpose: Purpose::Sync,
    };
    let path = folder.path().join("mirror.yaml");
    let load = || MirrorConfig::load(&path, &options).map(|config| config.entries.len());
    let error = || load().unwrap_err().to_string();
    let name = path.display();
    assert_eq!(error(), format!("cannot read {name}: No such file or directory (os error 2)"));
    fs::write(&path, format!("\u{FEFF}{V1}{ARTIFACT}")).unwrap();
    assert_eq!(load().unwrap(), 1);
    fs::write(&path, [V1.as_bytes(), b"\xff"].concat()).unwrap();
    assert_eq!(error(), format!("{name} is not UTF-8 text"));
    let padded = format!("{V1}{ARTIFACT}#{}", " ".repeat(MAX_CONFIG_BYTES));
    fs::write(&path, &padded).unwrap();
    assert_eq!(error(), format!("{name} is larger than 10485760 bytes"));
    fs::write(&path, &padded[..MAX_CONFIG_BYTES]).unwrap();
    assert_eq!(load().unwrap(), 1);
    fs::write(&path, "a: 'b").unwrap();
    assert_eq!(error(), format!("{name}:1:4: unclosed quote"));
}

#[test]
fn substitution_can_be_turned_off() {
    let folder = Folder::new();
    let environment = |_: &str| -> Option<String> { panic!("the environment is not asked") };
    let options = LoadOptions {
        envsubst: false,
        environment: &environment,
        layout_root: None,
        purpose: Purpose::Sync,
    };
    let text =
        format!("{V1}{ARTIFACT}hosts: [{{host: ghcr.io, credential: {{value: '${{X}}$$'}}}}]");
    let source = ConfigSource::File(folder.path().join("mirror.yaml"));
    let config = MirrorConfig::parse(text.as_bytes(), &source, &options).unwrap();
    assert!(config.hosts[0].login.is_some());
}

#[test]
fn a_config_for_its_hosts_needs_no_entries() {
    let folder = Folder::new();
    let text = format!("{V1}hosts: [{{host: ghcr.io, credential: {{fromPath: token}}}}]");
    assert_eq!(folder.errors(&text), ["artifacts: at least one artifact or chart is required"]);
    let config = folder.load_for(&text, Purpose::Hosts).unwrap();
    assert_eq!(config.hosts.len(), 1);
    let text = format!("{V1}artifacts: [{{source: Bad}}]\n");
    let config = folder.load_for(&text, Purpose::Hosts).unwrap();
    assert!(config.entries.is_empty() && config.hosts.is_empty());
    let text = format!("{V1}artifacts: [{{sauce: bad}}]\n");
    assert!(folder.load_for(&text, Purpose::Hosts).is_err(), "fields are known all the same");
}

#[test]
fn a_user_that_is_empty_is_a_warning() {
    let folder = Folder::new();
    let with = |fields: &str| {
        let text = format!(
            "{V1}artifacts: [{{source: ghcr.io/a, destination: x.org/a}}]\nhosts:\n\
             - {{host: a.org, {fields}}}\n"
        );
        folder.load(&text).unwrap().warnings
    };
    let warning =
        "hosts[0].username is empty: the credential is sent as a bearer token, not as a password";
    assert_eq!(with("username: '', credential: {value: x}"), [warning]);
    assert_eq!(with("username: '${EMPTY}', credential: {value: x}"), [warning]);
    assert_eq!(with("credential: {value: x}"), [] as [&str; 0]);
    assert_eq!(with("username: me, credential: {value: x}"), [] as [&str; 0]);
}

#[test]
fn two_writers_of_one_tag_are_a_warning() {
    let folder = Folder::new();
    let check = |entries: &[&str], expected: &[&str]| {
        let text = format!("{V1}{}", entries.join("\n"));
        let warnings = folder.load(&text).unwrap().warnings;
        let all: Vec<String> = expected
            .iter()
            .map(|who| {
                format!(
                    "{who}: a tag that both select with different digests will fail for the second"
                )
            })
            .collect();
        assert_eq!(warnings, all, "{text}");
    };
    let artifact = |source: &str, selector: &str| {
        format!("- {{source: ghcr.io/{source}, destination: x.org/a, selector: {selector}}}")
    };
    let only = |tag: &str| format!("{{regex: {{pattern: '^{tag}$'}}, sortBy: alphabetical}}");
    let artifacts = |entries: &[String]| format!("artifacts:\n{}", entries.join("\n"));
    let both = "artifacts[0] and artifacts[1] both write x.org/a";
    let check_artifacts = |entries: &[String], expected: &[&str]| {
        check(&[&artifacts(entries)], expected);
    };
    check_artifacts(&[artifact("a", "{}"), artifact("b", "{}")], &[both]);
    check_artifacts(&[artifact("a", "{}"), artifact("b", "{}"), artifact("c", "{}")], &[both]);
    check_artifacts(&[artifact("a", &only("latest")), artifact("b", &only("main"))], &[]);
    check_artifacts(&[artifact("a", &only("main")), artifact("b", &only("main"))], &[both]);
    check_artifacts(&[artifact("a", "{semver: '1.x'}"), artifact("b", &only("latest"))], &[]);
    check_artifacts(&[artifact("a", &only("latest")), artifact("b", "{semver: '1.x'}")], &[]);
    check_artifacts(
        &[artifact("a", "{semver: '1.x'}"), artifact("b", &only("1\\.2\\.3"))],
        &[both],
    );
    check_artifacts(
        &[artifact("a", &only("1\\.2\\.3")), artifact("b", "{semver: '1.x'}")],
        &[both],
    );
    check(
        &[
            "artifacts: [{source: ghcr.io/a, destination: x.org/y/c}]",
            "charts: [{name: b, source: 'https://x', destination: 'oci://x.org/y'}, \
             {name: c, source: 'https://x', destination: 'oci://x.org/y'}]",
        ],
        &["artifacts[0] and charts[1] both write x.org/y/c"],
    );
    check(
        &["artifacts: [{source: ghcr.io/a, destination: docker.io/x}, \
           {source: ghcr.io/b, destination: index.docker.io/library/x}]"],
        &["artifacts[0] and artifacts[1] both write index.docker.io/library/x"],
    );
}

#[test]
fn what_is_not_supported_is_named() {
    let folder = Folder::new();
    let text = format!(
        "{V2}
artifacts:
- {{source: ghcr.io/a, destination: x.org/a}}
- source: ghcr.io/b
  destination: x.org/b
  includeReferrers: true
  verify: {{provider: cosign, matchOIDCIdentity: [{{issuer: a, subject: b}}]}}
charts:
- {{name: c, source: 'https://x', destination: 'oci://x.org/y'}}
hosts:
- {{host: a.org, credential: {{type: jwt, value: x}}, maxChunkSize: 5}}
- {{host: b.org, credential: {{type: jwt, value: x, envelope: 'e-{{{{ hex .Token }}}}'}}}}
- {{host: c.org, credential: {{type: jwt, jwkPath: jwk.json, issuer: i, subject: s}}}}
- {{host: d.org, credential: {{type: jwt, provider: gcp}}}}
- {{host: gcr.io, provider: gar}}
- {{host: e.org, credential: {{type: jwt, provider: azure}}}}
- {{host: e.azurecr.io, provider: acr}}
- {{host: f.org, credential: {{type: jwt, provider: aws}}}}
- {{host: public.ecr.aws, provider: ecr}}
- {{host: h.org, credential: {{type: jwt, provider: spiffe}}}}
- {{host: i.org, tls: {{serverAuth: {{fromPath: ca.pem}}, clientAuth: {{provider: spiffe}}}}}}
- host: j.org
  tls:
    serverAuth: {{provider: spiffe, spiffe: {{authorizeAny: true}}}}
    clientAuth: {{certificate: {{fromPath: client.pem}}, key: {{fromPath: client.key}}}}
- {{host: k.org, provider: generic}}
- {{host: l.org, credential: {{type: jwt, provider: github}}}}
"
    );
    let config = folder.load(&text).unwrap();
    assert_eq!(config.api_version, ApiVersion::V1Beta2);
    let mut expected = Vec::new();
    let [gcp, azure] = [("gcp", cfg!(feature = "gcp")), ("azure", cfg!(feature = "azure"))];
    let [aws, spiffe] = [("aws", cfg!(feature = "aws")), ("spiffe", cfg!(feature = "spiffe"))];
    for (field, (feature, is_there)) in [
        ("artifacts[1].verify", ("sigstore", cfg!(feature = "sigstore"))),
        ("hosts[3].credential.provider", gcp),
        ("hosts[4].provider", gcp),
        ("hosts[5].credential.provider", azure),
        ("hosts[6].provider", azure),
        ("hosts[7].credential.provider", aws),
        ("hosts[8].provider", aws),
        ("hosts[9].credential.provider", spiffe),
        ("hosts[10].tls.clientAuth.provider", spiffe),
        ("hosts[11].tls.serverAuth.spiffe", spiffe),
    ] {
        if !is_there {
            expected.push(format!("{field}: this program was built without the feature {feature}"));
        }
    }
    assert_eq!(config.unsupported(), expected);
}
