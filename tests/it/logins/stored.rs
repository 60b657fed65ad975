//! What `login` stores, and what it refuses to.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use mirror_tests::binary::{Binary, eventually};
use serde_json::json;

use super::{HEAD, docker_config, read, with_hosts};

/// A password for one host, a token for another, and a host without either.
const HOSTS: [&str; 3] = [
    "host: 'basic.example:5000', username: robot, credential: {value: 'hunter2'}",
    "host: bearer.example, credential: {fromPath: token}",
    "host: plain.example, maxChunkSize: 4",
];

fn with_all() -> Binary {
    let binary = with_hosts(&HOSTS);
    binary.write("token", "t0ken\n");
    binary
}

/// The address of the Docker config as messages have it.
fn file(binary: &Binary) -> String {
    binary.folder().join("home/.docker/config.json").display().to_string()
}

#[tokio::test]
async fn each_host_with_a_credential_is_stored_and_told() {
    let binary = with_all();
    let kept = json!({"auths": {"other.example": {"auth": "YTpi"}}, "currentContext": "mine"});
    binary.write_docker_config(&kept);
    let done = binary.call(["login", "-f", "hosts.yaml"]).run().await;
    done.assert_code(0);
    let file = file(&binary);
    let expected = format!(
        "✔ stored credential for basic.example:5000 in {file}\n\
         ✔ stored credential for bearer.example in {file}\n"
    );
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), (expected.as_str(), ""));
    let expected = json!({
        "auths": {
            "basic.example:5000": {"auth": "cm9ib3Q6aHVudGVyMg=="},
            "bearer.example": {"registrytoken": "t0ken"},
            "other.example": {"auth": "YTpi"},
        },
        "currentContext": "mine",
    });
    assert_eq!(docker_config(&binary), expected);
    let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn hosts_may_be_chosen_and_the_folder_too() {
    let binary = with_all();
    let arguments =
        ["login", "--config=hosts.yaml", "--host", "bearer.example", "--docker-config", "new/a"];
    let done = binary.call(arguments).run().await;
    done.assert_code(0);
    assert_eq!(done.stdout, "✔ stored credential for bearer.example in new/a/config.json\n");
    let expected = json!({"auths": {"bearer.example": {"registrytoken": "t0ken"}}});
    assert_eq!(read(&binary.folder().join("new/a/config.json")), expected);
    assert!(!binary.folder().join("home/.docker/config.json").exists());
    for (host, expected) in [
        ("nobody.example", "✗ --host nobody.example: it is no host of the config\n"),
        ("plain.example", "✗ --host plain.example: the config gives it no credential\n"),
        ("a b", "✗ invalid value 'a b' for '--host <HOST>'"),
    ] {
        let done = binary.call(["login", "-f", "hosts.yaml", "--host", host]).run().await;
        done.assert_code(1);
        assert!(done.stderr.starts_with(expected), "{done}");
    }
    let none = with_hosts(&HOSTS[2..]);
    let done = none.call(["login", "-f", "hosts.yaml"]).run().await;
    done.assert_code(1);
    assert_eq!(done.stderr, "✗ hosts: none has a credential\n");
}

#[tokio::test]
async fn the_config_is_a_flag_a_variable_stdin_or_beside_the_program() {
    let host = |name: &str| format!("{HEAD}  - {{host: {name}, credential: {{value: t}}}}\n");
    let binary = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    binary.write("flag.yaml", host("flag.example"));
    binary.write("variable.yaml", host("variable.example"));
    let stored = |name: &str| format!("✔ stored credential for {name} in {}\n", file(&binary));
    let variable =
        |call: mirror_tests::binary::Call| call.env("FLUX_MIRROR_CONFIG", "variable.yaml");
    let done = variable(binary.call(["login", "-f", "flag.yaml"])).run().await;
    assert_eq!(done.stdout, stored("flag.example"), "{done}");
    let done = variable(binary.call(["login"])).run().await;
    assert_eq!(done.stdout, stored("variable.example"), "{done}");
    let stdin = binary.call(["login", "-f", "-"]).stdin(host("stdin.example"));
    let done = variable(stdin).run().await;
    assert_eq!(done.stdout, stored("stdin.example"), "{done}");

    // A copy of the program, since what stands beside the program of all tests is everybody's.
    let program = binary.folder().join("bin/flux-mirror");
    std::fs::copy(env!("CARGO_BIN_EXE_flux-mirror"), &program).expect("a program can be copied");
    let plugin = Binary::new(&program);
    let beside = program.with_file_name("flux-mirror.config");
    for variable in [None, Some("")] {
        let mut call = plugin.call(["login"]);
        if let Some(value) = variable {
            call = call.env("FLUX_MIRROR_CONFIG", value);
        }
        let done = call.run().await;
        done.assert_code(1);
        let expected = format!(
            "✗ a config is required: give --config, - for stdin, or set FLUX_MIRROR_CONFIG, or put \
             it at {}\n",
            beside.display()
        );
        assert_eq!(done.stderr, expected);
    }
    std::fs::write(&beside, host("beside.example")).expect("our own folder");
    let done = plugin.call(["login"]).run().await;
    done.assert_code(0);
    assert!(done.stdout.starts_with("✔ stored credential for beside.example in "), "{done}");
}

/// A helper that keeps what it is told, and gives it back.
const HELPER: &str = r#"#!/bin/sh
case "$1" in
  store) cat > "$HOME/kept" ;;
  get) cat > /dev/null; cat "$HOME/kept" ;;
esac
"#;

#[tokio::test]
async fn a_helper_is_told_the_password_unless_plaintext_is_asked_for() {
    let binary = with_all();
    binary.write_program("docker-credential-kept", HELPER);
    binary.write_docker_config(&json!({"credsStore": "kept"}));
    let login = ["login", "-f", "hosts.yaml"];
    let done = binary.call(login).run().await;
    done.assert_code(0);
    let file = file(&binary);
    let expected = format!(
        "✔ stored credential for basic.example:5000 in {file}\n\
         ✔ stored credential for bearer.example in {file}\n"
    );
    assert_eq!(done.stdout, expected);
    let kept = json!({"ServerURL": "basic.example:5000", "Username": "robot", "Secret": "hunter2"});
    assert_eq!(read(&binary.folder().join("home/kept")), kept);
    let expected = json!({
        "auths": {"basic.example:5000": {}, "bearer.example": {"registrytoken": "t0ken"}},
        "credsStore": "kept",
    });
    assert_eq!(docker_config(&binary), expected);

    std::fs::remove_file(binary.folder().join("home/kept")).expect("it was there");
    let done = binary.call(login).arg("--plaintext").run().await;
    done.assert_code(0);
    let warned = format!(
        "! {file} names docker-credential-kept for basic.example:5000, which is asked before what \
         was stored\n"
    );
    assert_eq!(done.stderr, warned);
    assert!(!binary.folder().join("home/kept").exists());
    let auth = json!({"auth": "cm9ib3Q6aHVudGVyMg=="});
    assert_eq!(docker_config(&binary)["auths"]["basic.example:5000"], auth);
}

#[tokio::test]
async fn a_helper_that_fails_is_an_error_and_one_that_is_slow_is_waited_for() {
    let binary = with_hosts(&HOSTS[..1]);
    let before = json!({"credsStore": "x", "auths": {"basic.example:5000": {"auth": "YTpi"}}});
    let login = ["login", "-f", "hosts.yaml"];
    for (script, expected) in [
        ("echo 'no such keyring'; exit 1", "(exit status: 1): no such keyring"),
        ("cat; exit 3", "(exit status: 3): it does not say why"),
        ("cat >&2; kill -9 $$", "it does not say why"),
    ] {
        binary.write_docker_config(&before);
        binary.write_program("docker-credential-x", &format!("#!/bin/sh\n{script}\n"));
        let done = binary.call(login).run().await;
        done.assert_code(1);
        let of = format!(
            "✗ the helper named in {} does not store the credential of basic.example:5000: \
             docker-credential-x failed for `basic.example:5000` ",
            file(&binary)
        );
        assert!(done.stderr.starts_with(&of), "{done}");
        assert!(done.stderr.contains(expected), "{done}");
        assert!(!done.stderr.contains("hunter2") && done.stdout.is_empty(), "{done}");
        assert_eq!(docker_config(&binary), before);
    }
    binary.write_program("docker-credential-x", "#!/bin/sh\nsleep 2; cat > \"$HOME/kept\"\n");
    binary.call(login).run().await.assert_code(0);
    assert_eq!(read(&binary.folder().join("home/kept"))["Secret"], "hunter2");
    std::fs::remove_file(binary.folder().join("bin/docker-credential-x")).expect("it was there");
    let done = binary.call(login).run().await;
    done.assert_code(1);
    assert!(done.stderr.ends_with(": docker-credential-x is not in PATH\n"), "{done}");
}

#[tokio::test]
async fn logins_at_once_lose_nothing() {
    let binary = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    let hosts: Vec<String> = (0..12).map(|number| format!("r{number}.example")).collect();
    let mut calls = Vec::new();
    for host in &hosts {
        let text = format!("{HEAD}  - {{host: {host}, credential: {{value: t}}}}\n");
        calls.push(binary.call(["login", "-f", "-"]).stdin(text).spawn());
    }
    for call in calls {
        call.wait().await.assert_code(0);
    }
    let config = docker_config(&binary);
    for host in &hosts {
        assert_eq!(config["auths"][host], json!({"registrytoken": "t"}), "{config}");
    }
}

#[tokio::test]
async fn one_credential_that_is_missing_stores_none() {
    let binary = with_hosts(&HOSTS);
    binary.write("token", " \n");
    let done = binary.call(["login", "-f", "hosts.yaml"]).run().await;
    done.assert_code(1);
    assert_eq!(done.stderr, "✗ no credential for bearer.example: file `token` is empty\n");
    assert!(!binary.folder().join("home/.docker/config.json").exists());
}

#[tokio::test]
async fn what_cannot_be_stored_is_told_with_its_host() {
    let binary = with_hosts(&HOSTS[..1]);
    let path = binary.write("home/.docker/config.json", "{\"auths\": 7}");
    let done = binary.call(["login", "-f", "hosts.yaml"]).run().await;
    done.assert_code(1);
    let expected = format!(
        "✗ cannot add the credential of basic.example:5000 to {}: it is not the JSON of a Docker \
         config, at line 1, column 11\n",
        path.display()
    );
    assert_eq!(done.stderr, expected);
}

#[tokio::test]
async fn a_helper_that_hangs_is_ended_with_the_time_of_the_command() {
    let binary = with_hosts(&HOSTS[..1]);
    let before = json!({"credsStore": "x"});
    binary.write_docker_config(&before);
    binary.write_program("docker-credential-x", "#!/bin/sh\nexec sleep 600\n");
    let done = binary.call(["login", "-f", "hosts.yaml", "--timeout", "3s"]).run().await;
    done.assert_code(1);
    let expected = "✗ the credential of basic.example:5000 was not stored within 3s (--timeout)\n";
    assert_eq!(done.stderr, expected);
    assert_eq!(docker_config(&binary), before);
}

#[tokio::test]
async fn what_is_written_looks_as_docker_writes_it() {
    let binary = with_all();
    let before = r#"{"psFormat": "table", "auths": {"z.example": {"email": "e", "auth": "YTpi"}},
        "HttpHeaders": {}, "big": 12345678901234567890.10}"#;
    binary.write("home/.docker/config.json", before);
    let list = "basic.example:5000,bearer.example";
    let done = binary.call(["login", "-f", "hosts.yaml", "--host", list]).run().await;
    done.assert_code(0);
    let expected = r#"{
	"psFormat": "table",
	"auths": {
		"z.example": {
			"email": "e",
			"auth": "YTpi"
		},
		"basic.example:5000": {
			"auth": "cm9ib3Q6aHVudGVyMg=="
		},
		"bearer.example": {
			"registrytoken": "t0ken"
		}
	},
	"HttpHeaders": {},
	"big": 12345678901234567890.10
}"#;
    assert_eq!(std::fs::read_to_string(file(&binary)).expect("it is there"), expected);
}

#[tokio::test]
async fn a_login_that_is_interrupted_leaves_the_config_as_it_was() {
    let binary = with_hosts(&HOSTS[..1]);
    let before = json!({"credsStore": "x"});
    binary.write_docker_config(&before);
    binary.write_program("docker-credential-x", "#!/bin/sh\n> \"$HOME/begun\"; exec sleep 30\n");
    let running = binary.call(["login", "-f", "hosts.yaml"]).spawn();
    let begun = binary.folder().join("home/begun");
    eventually("the helper runs", Duration::from_secs(20), || begun.exists()).await;
    // SIGINT is ignored where a shell has begun us in the background.
    running.terminate();
    assert_eq!(running.wait().await.signal(), Some(15));
    assert_eq!(docker_config(&binary), before);
}
