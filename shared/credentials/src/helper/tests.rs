//! Helpers as real programs: shell scripts in a folder of their own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::time::Instant;

use super::*;

/// Makes `script` the helper `name` in `folder`. A program of its own writes it: a file that
/// another thread's child inherits open for writing could not be run.
pub(crate) fn install(folder: &Path, name: &str, script: &str) {
    let mut shell = std::process::Command::new("sh")
        .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
        .arg(folder.join(format!("docker-credential-{name}")))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    write!(shell.stdin.take().unwrap(), "#!/bin/sh\n{script}\n").unwrap();
    assert!(shell.wait().unwrap().success());
}

fn question(helper: &str) -> Question {
    Question { helper: helper.to_owned(), server: "https://index.docker.io/v1/".to_owned() }
}

/// Asks a helper that is `script`.
async fn ask(script: &str) -> Result<Option<Credential>, String> {
    let folder = TempDir::new().unwrap();
    install(folder.path(), "x", script);
    let helpers = Helpers::new(folder.path().to_str().unwrap());
    helpers.ask(question("x")).await.map_err(|error| error.to_string())
}

async fn failure(script: &str) -> String {
    ask(script).await.unwrap_err()
}

#[tokio::test]
async fn a_helper_is_asked_by_dockers_protocol() {
    let script = r#"[ "$*" = get ] || exit 2
        printf '{"ServerURL": "x", "Username": "me", "Secret": "pw of %s"}' "$(cat)""#;
    let Ok(Some(Credential::Basic { username, password })) = ask(script).await else {
        panic!("a user and a password");
    };
    assert_eq!(username, "me");
    assert_eq!(password.expose(), "pw of https://index.docker.io/v1/");
}

#[tokio::test]
async fn the_user_token_marks_an_identity_token() {
    let script = r#"echo '{"Username": "<token>", "Secret": "t"}'"#;
    let Ok(Some(Credential::IdentityToken { username, token })) = ask(script).await else {
        panic!("an identity token");
    };
    assert_eq!((username.as_str(), token.expose()), ("<token>", "t"));
}

#[tokio::test]
async fn a_helper_may_know_nothing() {
    for script in [
        "echo 'credentials not found in native keychain'; exit 1",
        r#"echo '{"Username": "", "Secret": ""}'"#,
    ] {
        assert!(matches!(ask(script).await, Ok(None)), "{script}");
    }
}

#[tokio::test]
async fn a_helper_that_fails_says_why() {
    let failed = "docker-credential-x failed for `https://index.docker.io/v1/` (exit status: 3):";
    for (script, message) in [
        ("echo; echo ' no agent '; echo more; exit 3", "no agent"),
        ("echo 'not logged in' >&2; exit 3", "not logged in"),
        ("printf 'a\\033[31m\\bb'; exit 3", "a[31mb"),
        ("exit 3", "it does not say why"),
        (r#"echo '{"Username": "me", "Secret": "hunter2"}'; exit 3"#, "it does not say why"),
    ] {
        assert_eq!(failure(script).await, format!("{failed} {message}"));
    }
    let long = failure("printf '%0500d' 0; exit 3").await;
    assert_eq!(long, format!("{failed} {}", "0".repeat(200)));
    let killed = failure("kill -9 $$").await;
    assert!(killed.contains("signal: 9"), "{killed}");
}

#[tokio::test]
async fn an_answer_that_is_no_login_is_not_shown() {
    let expected = "docker-credential-x answered for `https://index.docker.io/v1/` \
                    with something else than a username and a secret";
    for script in [
        "",
        "echo hunter2",
        r#"echo '{"Secret": "hunter2"}'"#,
        r#"echo '{"Username": "me", "Secret": {"hunter2": 1}}'"#,
        r#"printf '{"Username": "me", "Secret": "%070000d"}' 0"#,
    ] {
        assert_eq!(failure(script).await, expected, "{script}");
    }
}

#[tokio::test]
async fn a_helper_that_talks_much_or_does_not_listen_is_heard() {
    let answer = r#"echo '{"Username": "me", "Secret": "pw"}'"#;
    for before in ["printf '%0300000d' 0 >&2", "exec 0<&-"] {
        assert!(matches!(ask(&format!("{before}; {answer}")).await, Ok(Some(_))), "{before}");
    }
}

#[tokio::test]
async fn a_helper_that_hangs_is_killed() {
    let folder = TempDir::new().unwrap();
    install(folder.path(), "x", "echo $$ > \"${0%/*}/pid\"; exec sleep 600");
    let timeout = Duration::from_hours(1);
    let helpers = Helpers { timeout, ..Helpers::new(folder.path().to_str().unwrap()) };
    let asking = tokio::spawn(async move { helpers.ask(question("x")).await });
    let pid = || std::fs::read_to_string(folder.path().join("pid")).unwrap_or_default();
    eventually("the helper runs", || pid().ends_with('\n')).await;
    // The hour passes at once.
    tokio::time::pause();
    let error = asking.await.unwrap().unwrap_err();
    tokio::time::resume();
    assert_eq!(
        error.to_string(),
        "docker-credential-x did not answer for `https://index.docker.io/v1/` within 3600s"
    );
    let process = PathBuf::from(format!("/proc/{}", pid().trim()));
    eventually("the kernel takes it away", || !process.exists()).await;
}

/// Waits until `condition` holds, for half a minute at most.
async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A helper that counts how often it runs, and how often it ran.
fn counting(folder: &Path, then: &str) -> impl Fn() -> usize {
    install(folder, "x", &format!("echo >> \"${{0%/*}}/count\"; sleep 0.1; {then}"));
    let count = folder.join("count");
    move || std::fs::read_to_string(&count).unwrap().lines().count()
}

/// Asks `helpers` the same a thousand times at once.
async fn thousand(helpers: &Arc<Helpers>) -> Vec<Result<Option<Credential>, Arc<HelperError>>> {
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let helpers = Arc::clone(helpers);
        asking.spawn(async move { helpers.ask(question("x")).await });
    }
    asking.join_all().await
}

#[tokio::test]
async fn a_thousand_jobs_run_a_helper_once() {
    let folder = TempDir::new().unwrap();
    let helpers = Arc::new(Helpers::new(folder.path().to_str().unwrap()));
    let count = counting(folder.path(), r#"echo '{"Username": "me", "Secret": "pw"}'"#);
    assert!(thousand(&helpers).await.iter().all(Result::is_ok));
    assert_eq!(count(), 1);
    let other = Question { server: "ghcr.io".to_owned(), ..question("x") };
    helpers.ask(other).await.unwrap();
    assert_eq!(count(), 2, "another server is another login");
}

#[tokio::test]
async fn a_thousand_jobs_run_a_failing_helper_once() {
    let folder = TempDir::new().unwrap();
    let helpers = Arc::new(Helpers::new(folder.path().to_str().unwrap()));
    let count = counting(folder.path(), "exit 1");
    assert!(thousand(&helpers).await.iter().all(Result::is_err));
    assert_eq!(count(), 1);
}

#[tokio::test]
async fn a_helper_is_a_program_in_an_absolute_folder_of_path() {
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    std::fs::write(first.path().join("docker-credential-x"), "not to be run").unwrap();
    std::fs::create_dir(first.path().join("docker-credential-y")).unwrap();
    install(second.path(), "x", r#"echo '{"Username": "second", "Secret": "pw"}'"#);
    let path = |folders: &[&Path]| std::env::join_paths(folders).unwrap().into_string().unwrap();
    let helpers =
        Helpers::new(&path(&[Path::new("."), Path::new(""), first.path(), second.path()]));
    assert_eq!(helpers.programs.folders, [first.path(), second.path()]);
    assert!(matches!(
        helpers.ask(question("x")).await,
        Ok(Some(Credential::Basic { username, .. })) if username == "second"
    ));
    for name in ["y", "z"] {
        let error = helpers.ask(question(name)).await.unwrap_err();
        assert_eq!(error.to_string(), format!("docker-credential-{name} is not in PATH"));
    }
}

#[tokio::test]
async fn a_helpers_name_leads_nowhere_else() {
    let folder = TempDir::new().unwrap();
    let helpers = Helpers::new(folder.path().to_str().unwrap());
    for name in ["", "../x", "a/b", "a b", "a\0b", "ä", "$x", "x;y"] {
        let error = helpers.ask(question(name)).await.unwrap_err();
        assert!(matches!(&*error, HelperError::Name { .. }), "{name}: {error}");
    }
    for name in ["desktop.exe", "ecr-login", "a_b", "X9"] {
        let error = helpers.ask(question(name)).await.unwrap_err();
        assert!(matches!(&*error, HelperError::Missing { .. }), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_program_that_cannot_run_is_an_error() {
    let folder = TempDir::new().unwrap();
    install(folder.path(), "x", "");
    std::fs::write(folder.path().join("docker-credential-x"), "#!/no/such/shell\n").unwrap();
    let helpers = Helpers::new(folder.path().to_str().unwrap());
    let error = helpers.ask(question("x")).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot run docker-credential-x");
}
