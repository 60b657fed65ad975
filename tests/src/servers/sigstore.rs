//! `private-sigstore`: a whole Sigstore on loopback, with issuers that give a token to whoever asks.
//!
//! Its keys are made at each start, so nothing that one has signed is accepted under the trusted
//! root of another. Who signs is an [`Identity`]; signing and verifying are cosign's, in
//! [`cosign`](crate::cosign).

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;
use url::Url;

use super::process::{Process, folder};
use super::programs::program;
use crate::client::Client;

/// Ends with the program in it, and takes its folder along; the folder is `$1`.
const KEEPER: &str = r#"folder=$1; shift; "$@"; rm -rf "$folder""#;

/// Shared by all tests of a process: it ends when its stdin closes, which a static needs.
static SHARED: OnceCell<Sigstore> = OnceCell::const_new();

/// How the Sigstore behaves; the default is as the public one does.
#[derive(Clone, Debug, Default)]
pub struct SigstoreOptions {
    /// Leaves the log's timestamp (SCT) out of its certificates, which a verifier must refuse.
    pub no_sct: bool,
}

/// A Sigstore that is running.
#[derive(Debug)]
pub struct Sigstore {
    process: Process,
}

/// Somebody who signs: what their token says, and how their certificate names them.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The issuer, as a verifier is told: a URL.
    pub issuer: String,
    /// The subject, as a verifier is told.
    pub subject: String,
    claims: Map<String, Value>,
}

impl Sigstore {
    /// Starts a Sigstore, in half a second.
    pub async fn start(options: SigstoreOptions) -> Self {
        let folder = folder();
        let mut command = Command::new(program("private-sigstore"));
        add_arguments(&mut command, &folder, &options);
        Self { process: Process::start_until(command, folder, issuer_port).await }
    }

    /// Returns the one that all tests of this process share, and a fleet that trusts it; it ends
    /// with the process.
    pub async fn shared() -> &'static Self {
        let start = async || {
            let folder = folder();
            let mut command = Command::new("/bin/sh");
            command.args(["-c", KEEPER, "keeper"]).arg(folder.path());
            command.arg(program("private-sigstore"));
            add_arguments(&mut command, &folder, &SigstoreOptions::default());
            // Ctrl-C is for the tests; the shell stays to tidy up behind them.
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
            Self { process: Process::start_until(command, folder, issuer_port).await }
        };
        SHARED.get_or_init(start).await
    }

    /// Returns the path of the trusted root.
    pub fn trusted_root(&self) -> PathBuf {
        self.process.folder().join("trusted_root.json")
    }

    /// Returns the path of the signing config: Rekor v2 and the timestamp authority.
    pub fn signing_config(&self) -> PathBuf {
        self.process.folder().join("signing_config.json")
    }

    /// Returns the path of another signing config: Rekor v1, whose signed entry timestamp is the
    /// only time that there is.
    pub fn first_log_config(&self) -> PathBuf {
        self.process.folder().join("first_log.json")
    }

    /// Returns the URL of Fulcio.
    pub fn fulcio(&self) -> String {
        self.ready("fulcio")
    }

    /// Returns the URL of Rekor v1.
    pub fn first_log(&self) -> String {
        format!("http://{}", self.process.host())
    }

    /// Returns somebody with a mail address.
    pub fn email(&self, address: &str) -> Identity {
        let claims = json!({"sub": address, "email": address});
        self.identity("email", address.to_owned(), &claims)
    }

    /// Returns a workload, named by a URI at the issuer: `path` begins with `/`.
    pub fn uri(&self, path: &str) -> Identity {
        let subject = format!("http://{}{path}", self.process.host());
        self.identity("uri", subject.clone(), &json!({"sub": subject}))
    }

    /// Returns a workflow of GitHub Actions: `acme/app`, `release.yml`, `refs/tags/v1`.
    pub fn workflow(&self, repository: &str, file: &str, reference: &str) -> Identity {
        let workflow = format!("{repository}/.github/workflows/{file}@{reference}");
        let owner = repository.split('/').next().unwrap_or_default();
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let claims = json!({
            "sub": format!("repo:{repository}:ref:{reference}"),
            "job_workflow_ref": workflow, "job_workflow_sha": commit,
            "workflow_ref": workflow, "workflow_sha": commit, "workflow": file,
            "sha": commit, "ref": reference, "event_name": "push",
            "repository": repository, "repository_id": "1", "repository_visibility": "public",
            "repository_owner": owner, "repository_owner_id": "2",
            "runner_environment": "github-hosted", "run_id": "3", "run_attempt": "1",
        });
        self.identity("github", format!("https://github.com/{workflow}"), &claims)
    }

    /// Returns a token of that identity, as cosign takes it.
    pub async fn token(&self, identity: &Identity) -> String {
        let issuer = Url::parse(&identity.issuer).expect("an issuer is a URL");
        let target = format!("{}/token", issuer.path());
        let claims = Value::Object(identity.claims.clone()).to_string();
        let answer = self.client().send("POST", &target, &[], claims.as_bytes()).await;
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        String::from_utf8(answer.body.to_vec()).expect("a token is text")
    }

    /// Returns the authority's answer to an RFC 3161 request, as if its clock were `offset` off:
    /// `0s`, `1h`, `-2m`.
    pub async fn timestamp(&self, request: &[u8], offset: &str) -> Vec<u8> {
        let target = format!("/at/{offset}/api/v1/timestamp");
        let headers = [("Content-Type", "application/timestamp-query")];
        let answer = self.client().send("POST", &target, &headers, request).await;
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        answer.body.to_vec()
    }

    fn identity(&self, issuer: &str, subject: String, claims: &Value) -> Identity {
        let issuer = format!("http://{}/{issuer}", self.process.host());
        let claims = claims.as_object().cloned().unwrap_or_default();
        Identity { issuer, subject, claims }
    }

    /// Issuers, Rekor v1 and the timestamp authority are one server.
    fn client(&self) -> Client {
        Client::new(&self.process.host())
    }

    fn ready(&self, field: &str) -> String {
        let line = ready(&self.process.output()).expect("it is ready");
        line[field].as_str().expect("the line has all addresses").to_owned()
    }
}

impl Identity {
    /// Returns somebody to verify for: their tokens are nobody's to give.
    pub fn known(issuer: &str, subject: &str) -> Self {
        Self { issuer: issuer.to_owned(), subject: subject.to_owned(), claims: Map::new() }
    }

    /// Sets a claim of the token; the certificate follows the claims, the two fields do not.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Sets how long its tokens live from now on; without, five minutes.
    #[must_use]
    pub fn lifetime(self, lifetime: Duration) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right");
        self.claim("exp", (now + lifetime).as_secs())
    }
}

fn add_arguments(command: &mut Command, folder: &tempfile::TempDir, options: &SigstoreOptions) {
    let programs = program("cosign");
    let programs = programs.parent().expect("a program lies in a folder");
    command.arg("-dir").arg(folder.path()).arg("-bin").arg(programs);
    command.arg(format!("-sct={}", !options.no_sct));
}

/// Returns the line that it prints when all of it is up.
fn ready(output: &str) -> Option<Value> {
    let line = output.lines().find(|line| line.starts_with("{\"") && line.ends_with('}'))?;
    let value: Value = serde_json::from_str(line).ok()?;
    value["trusted_root"].is_string().then_some(value)
}

fn issuer_port(output: &str) -> Option<u16> {
    Url::parse(ready(output)?["issuer"].as_str()?).ok()?.port()
}
