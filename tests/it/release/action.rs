//! The steps of `actions/setup`, as a runner would run them, on releases served over TLS.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mirror_tests::binary::{Binary, Finished};
use mirror_tests::pki::Pki;
use mirror_tests::scripted::{Answer, Fault, Rule, ScriptedOptions, ScriptedRegistry};
use mirror_tests::watch::{Came, Watch};
use serde_json::Value;
use tempfile::TempDir;

use super::{architecture, checkout, package, script, text};

/// Where releases are, in the action.
const RELEASES: &str = "https://github.com/fluxcd/flux-mirror/releases";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A place with one release, and a runner.
struct World {
    server: ScriptedRegistry,
    pki: Pki,
    runner: Binary,
    release: Arc<TempDir>,
}

impl World {
    /// A release whose program says that it is of this version.
    fn new(version: &str) -> Self {
        Self::saying(&format!("echo flux-mirror {version}"))
    }

    /// A release whose program is this script.
    fn saying(text: &str) -> Self {
        let release = Arc::new(TempDir::new().unwrap());
        let (_folder, program) = script(text);
        let archive = package(&program, architecture(), release.path());
        let mut sums = std::process::Command::new("sha256sum");
        let sums = sums.arg(&archive).current_dir(release.path()).output().unwrap();
        std::fs::write(release.path().join("SHA256SUMS"), sums.stdout).unwrap();
        let pki = Pki::new();
        let tls = Some(pki.clone());
        let server = ScriptedRegistry::start(ScriptedOptions { tls, ..Default::default() });
        let folder = Arc::clone(&release);
        let host = server.host();
        let answer = Fault::instead(move |request, _| Some(served(&folder, &host, &request.path)));
        server.script(Rule::any(), answer);
        let runner = Binary::new("/usr/bin/env");
        for name in ["path", "output"] {
            runner.write(name, "");
        }
        Self { server, pki, runner, release }
    }

    fn archive(&self) -> PathBuf {
        let name = format!("flux-mirror_{VERSION}_linux_{}.tar.gz", architecture());
        self.release.path().join(name)
    }

    /// Runs the action's steps with these inputs.
    async fn run(&self, inputs: &[(&str, &str)]) -> Finished {
        for name in ["path", "output"] {
            self.runner.write(name, "");
        }
        let action: Value =
            serde_saphyr::from_str(&text(&checkout("actions/setup/action.yml"))).unwrap();
        let [step] = &action["runs"]["steps"].as_array().unwrap()[..] else { panic!("one step") };
        assert_eq!(step["shell"], "bash");
        let releases = format!("https://{}/releases", self.server.host());
        let script = step["run"].as_str().unwrap();
        assert!(script.contains(RELEASES), "{script}");
        // As runners call bash.
        let flags = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"];
        let mut call = self.runner.call(flags).arg(script.replace(RELEASES, &releases));
        for (name, value) in step["env"].as_object().unwrap() {
            call = call.env(name, resolved(&action, value.as_str().unwrap(), inputs));
        }
        let folder = self.runner.folder();
        call.env("RUNNER_TOOL_CACHE", folder.join("tools"))
            .env("RUNNER_TEMP", folder)
            .env("GITHUB_PATH", folder.join("path"))
            .env("GITHUB_OUTPUT", folder.join("output"))
            .env("CURL_CA_BUNDLE", self.pki.ca())
            .run()
            .await
    }

    fn read(&self, name: &str) -> String {
        text(&self.runner.folder().join(name))
    }

    /// Asserts that this version is installed in the folder that was added to PATH.
    fn assert_installed(&self, folder: &Path) {
        assert_eq!(self.read("path"), format!("{}\n", folder.display()));
        assert_eq!(self.read("output"), format!("version={VERSION}\n"));
        assert!(folder.join("flux-mirror").is_file());
    }

    fn tool(&self) -> PathBuf {
        let cache = if architecture() == "arm64" { "arm64" } else { "x64" };
        self.runner.folder().join("tools/flux-mirror").join(VERSION).join(cache)
    }

    /// The folder of the program, by how it was checked.
    fn checked(&self, how: &str) -> PathBuf {
        self.tool().join(how)
    }

    /// Asserts that nothing was installed, for this reason.
    #[track_caller]
    fn assert_refused(&self, done: &Finished, reason: &str) {
        done.assert_code(1);
        assert!(done.stdout.contains(&format!("::error::flux-mirror: {reason}")), "{done}");
        assert_eq!((self.read("path"), self.read("output")), (String::new(), String::new()));
        assert!(!self.tool().exists(), "{done}");
    }
}

/// What a release's place answers.
fn served(release: &TempDir, host: &str, path: &str) -> Answer {
    let download = format!("/releases/download/v{VERSION}/");
    if path == "/releases/latest" {
        let location = format!("https://{host}/releases/tag/v{VERSION}");
        return Answer::status(302).with("Location", location);
    }
    if path.starts_with("/releases/tag/") {
        return Answer::status(200);
    }
    let file = path.strip_prefix(&download).map(|name| std::fs::read(release.path().join(name)));
    match file {
        Some(Ok(bytes)) => Answer::status(200).body(bytes),
        Some(Err(_)) | None => Answer::status(404),
    }
}

/// What a runner makes of an expression, or of a text that is none.
fn resolved(action: &Value, text: &str, inputs: &[(&str, &str)]) -> String {
    let Some(expression) = text.strip_prefix("${{ ").and_then(|rest| rest.strip_suffix(" }}"))
    else {
        return text.to_owned();
    };
    match expression.split_once('.') {
        // Whoever wants an attestation has gh ask with the token.
        Some(("inputs", "verify-attestation == 'true' && github.token || ''")) => {
            let wanted = inputs.iter().find(|(key, _)| *key == "verify-attestation");
            let is_wanted = wanted.is_some_and(|(_, value)| *value == "true");
            if is_wanted { "runner-token".to_owned() } else { String::new() }
        }
        Some(("inputs", name)) => {
            let default = action["inputs"][name]["default"].as_str();
            let default = default.unwrap_or_else(|| panic!("no input {name}"));
            let given = inputs.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
            given.unwrap_or(default).to_owned()
        }
        Some(("github", "action_path")) => checkout("actions/setup").display().to_string(),
        Some(("github", "token")) => "runner-token".to_owned(),
        _ => panic!("no runner knows {expression}"),
    }
}

#[tokio::test]
async fn the_latest_release_is_installed_and_kept_in_the_tool_cache() {
    let world = World::new(VERSION);
    let done = world.run(&[]).await;
    done.assert_code(0);
    world.assert_installed(&world.checked("checksum"));
    let asked = world.server.log().count();
    assert_eq!(
        asked,
        4,
        "latest, where it leads, the archive, its checksum: {}",
        world.server.log()
    );
    let done = world.run(&[("version", &format!("v{VERSION}"))]).await;
    done.assert_code(0);
    assert!(done.stdout.contains("is in the tool cache"), "{done}");
    world.assert_installed(&world.checked("checksum"));
    assert_eq!(world.server.log().count(), asked, "nothing is asked for again");
}

#[tokio::test]
async fn a_folder_may_be_chosen() {
    let world = World::new(VERSION);
    let folder = world.runner.folder().join("my bin");
    let bindir = folder.display().to_string();
    world.run(&[("version", VERSION), ("bindir", &bindir)]).await.assert_code(0);
    world.assert_installed(&folder);
}

#[tokio::test]
async fn what_has_another_checksum_or_none_is_not_unpacked() {
    let world = World::new(VERSION);
    let mut bytes = std::fs::read(world.archive()).unwrap();
    bytes.push(0);
    std::fs::write(world.archive(), bytes).unwrap();
    let done = world.run(&[]).await;
    assert!(done.stdout.contains("has the checksum"), "{done}");
    world.assert_refused(&done, "flux-mirror_");
    std::fs::write(world.release.path().join("SHA256SUMS"), "0  other.tar.gz\n").unwrap();
    world.assert_refused(&world.run(&[]).await, "SHA256SUMS does not name flux-mirror_");
    std::fs::remove_file(world.release.path().join("SHA256SUMS")).unwrap();
    world.assert_refused(&world.run(&[]).await, "cannot download SHA256SUMS of version");
}

#[tokio::test]
async fn what_is_no_version_or_no_release_is_refused() {
    let world = World::new(VERSION);
    for version in ["latest", "1", "0.1.0;id", "../0.1.0", "$(id)", "v"] {
        let done = world.run(&[("version", version)]).await;
        world.assert_refused(&done, "no version: ");
    }
    assert_eq!(world.server.log().count(), 0);
    let done = world.run(&[("version", "9.9.9")]).await;
    world.assert_refused(&done, "cannot download flux-mirror_9.9.9_linux_");
    let done = world.run(&[("verify-attestation", "maybe")]).await;
    world.assert_refused(&done, "verify-attestation must be true or false");
}

#[tokio::test]
async fn a_program_of_another_version_is_not_put_into_path() {
    let world = World::new("0.0.1");
    let done = world.run(&[("version", VERSION)]).await;
    world.assert_refused(&done, "the program says 'flux-mirror 0.0.1', and should be version ");
}

#[tokio::test]
async fn an_attestation_is_verified_before_anything_is_unpacked_and_remembered() {
    let world = World::new(VERSION);
    world.run(&[]).await.assert_code(0);
    let asked = world.server.log().count();
    let gh = "#!/bin/sh\necho \"$GH_TOKEN $*\" >> \"$HOME/gh\"\nexit $(cat \"$HOME/code\")\n";
    world.runner.write_program("gh", gh);
    world.runner.write("home/code", "1");
    let verify = [("verify-attestation", "true")];
    let refused = world.run(&verify).await;
    refused.assert_code(1);
    assert!(refused.stdout.contains("the attestation of flux-mirror_"), "{refused}");
    assert_eq!(world.read("path"), "");
    assert!(world.server.log().count() > asked, "what was checked less is not enough");
    world.runner.write("home/code", "0");
    world.run(&verify).await.assert_code(0);
    world.assert_installed(&world.checked("attestation"));
    let called = world.read("home/gh");
    let last = called.lines().last().unwrap_or_default();
    assert!(last.starts_with("runner-token attestation verify "), "{called}");
    let expected = "--repo fluxcd/flux-mirror --signer-workflow \
                    fluxcd/flux-mirror/.github/workflows/release.yaml";
    assert!(last.ends_with(expected), "{called}");
    world.run(&verify).await.assert_code(0);
    assert_eq!(world.read("home/gh"), called, "once is enough");
    std::fs::remove_file(world.runner.folder().join("bin/gh")).unwrap();
    let without = World::new(VERSION);
    let done = without.run(&verify).await;
    without.assert_refused(&done, "verify-attestation wants gh, which is not installed");
}

/// A tool that keeps the token that it was given.
const CURIOUS_TOOL: &str = "printf %s \"${GH_TOKEN:-}\" >> \"$HOME/tool\"\n";
/// A program that keeps what it was given to see, of its environment and of its parent's.
const CURIOUS: &str = "cat /proc/$$/environ /proc/$PPID/environ >> \"$HOME/seen\"";

#[tokio::test]
async fn the_token_of_the_job_is_for_gh_alone() {
    let world = World::saying(&format!("{CURIOUS}\necho flux-mirror {VERSION}"));
    world.run(&[]).await.assert_code(0);
    let seen = || {
        let path = world.runner.folder().join("home/seen");
        String::from_utf8_lossy(&std::fs::read(path).expect("it was run")).into_owned()
    };
    assert!(seen().contains("GITHUB_PATH"), "{}", seen());
    assert!(!seen().contains("runner-token"), "unverified: {}", seen());
    world.runner.write_program("gh", "#!/bin/sh\necho \"$GH_TOKEN\" >> \"$HOME/gh\"\n");
    world
        .runner
        .write_program("tar", &format!("#!/bin/sh\n{CURIOUS_TOOL}exec /usr/bin/tar \"$@\"\n"));
    world.run(&[("verify-attestation", "true")]).await.assert_code(0);
    assert_eq!(world.read("home/gh"), "runner-token\n");
    assert_eq!(world.read("home/tool"), "", "of all other programs");
}

#[tokio::test]
async fn what_another_job_has_in_path_stays_while_this_one_installs() {
    let world = World::new(VERSION);
    world.run(&[]).await.assert_code(0);
    let inode = |file: &std::fs::File| file.metadata().expect("it is open").ino();
    let first = PathBuf::from(world.read("path").trim()).join("flux-mirror");
    // Held open, so that its inode is nobody else's.
    let held = std::fs::File::open(&first).expect("it is installed");
    world.runner.write_program("gh", "#!/bin/sh\n");
    world.run(&[("verify-attestation", "true")]).await.assert_code(0);
    let now = std::fs::File::open(&first).expect("it is where the other job has it");
    assert_eq!(inode(&now), inode(&held));
    // And what is made is there whole or not at all.
    let folder = world.runner.folder().join("bindir");
    std::fs::create_dir(&folder).expect("our own folder");
    let watch = Watch::new(&folder);
    let bindir = folder.display().to_string();
    world.run(&[("bindir", &bindir)]).await.assert_code(0);
    assert_eq!(watch.came(), [("flux-mirror".to_owned(), Came::Renamed)]);
    let others = std::fs::read_dir(&folder).expect("it is there").count();
    assert_eq!(others, 1, "nothing is left beside it");
}

#[test]
fn every_workflow_of_the_examples_uses_it_and_then_the_program() {
    let mut seen = 0;
    for file in std::fs::read_dir(checkout("examples")).unwrap() {
        let path = file.unwrap().path();
        if !path.to_string_lossy().ends_with(".workflow.yaml") {
            continue;
        }
        seen += 1;
        let workflow: Value = serde_saphyr::from_str(&text(&path)).unwrap();
        let steps = workflow["jobs"]["sync"]["steps"].as_array().unwrap();
        let at = |wanted: &dyn Fn(&Value) -> bool| steps.iter().position(wanted);
        let setup = at(&|step| step["uses"] == "fluxcd/flux-mirror/actions/setup@main");
        let sync = at(&|step| {
            step["run"].as_str().is_some_and(|run| run.starts_with("flux-mirror sync "))
        });
        assert!(setup.is_some() && setup < sync, "{}", path.display());
    }
    assert!(seen >= 3, "{seen}");
}
