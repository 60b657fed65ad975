//! Configs that are refused: all that is wrong at once, and before anything is asked of the network.

use mirror_tests::binary::Finished;
use mirror_tests::sample::image;
use mirror_tests::scripted::ScriptedRegistry;

use super::{HEAD, binary};

/// Runs a config in which `SOURCE` and `DESTINATION` stand for registries, expects exit 1 without a
/// single request, and returns what was printed.
async fn refuse(text: &str) -> Finished {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    source.store().push("app", "1.0.0", &image("app"));
    let mirror = binary();
    let text = text.replace("SOURCE", &source.host()).replace("DESTINATION", &destination.host());
    mirror.write("mirror.yaml", text);
    for flags in [&[][..], &["--dry-run"], &["--verbose"], &["-o", "json"]] {
        let arguments = ["sync", "mirror.yaml"].into_iter().chain(flags.iter().copied());
        let done = mirror.call(arguments).run().await;
        done.assert_code(1);
        assert_eq!(done.stdout, "", "{flags:?}");
    }
    let done = mirror.call(["sync", "mirror.yaml"]).run().await;
    source.log().assert(&[]);
    destination.log().assert(&[]);
    assert_eq!((source.log().connections(), destination.log().connections()), (0, 0));
    Finished {
        stderr: done
            .stderr
            .replace(&source.host(), "SOURCE")
            .replace(&destination.host(), "DESTINATION"),
        ..done
    }
}

#[tokio::test]
async fn all_that_is_wrong_is_told_together_each_with_its_path() {
    let text = format!(
        "{HEAD}artifacts:
  - source: oci://SOURCE/app
    destination: DESTINATION/app:1.0
    selector: {{regex: {{pattern: '('}}, semver: nonsense, sortBy: age, limit: -1}}
  - destination: DESTINATION/App
    verify: {{provider: gpg, minAge: 2d}}
charts:
  - source: oci://SOURCE/charts
    destination: DESTINATION/charts
hosts:
  - host: https://SOURCE
    username: me
  - host: SOURCE
    maxChunkSize: -1
    credential: {{value: x, fromPath: ../up}}
  - host: SOURCE
    provider: gitlab
"
    );
    let done = refuse(&text).await;
    let paths: Vec<&str> = done
        .stderr
        .lines()
        .map(|line| line.trim_start_matches("✗ ").split(": ").next().unwrap_or_default())
        .collect();
    for path in [
        "artifacts[0].source",
        "artifacts[0].destination",
        "artifacts[0].selector",
        "artifacts[0].selector.limit",
        "artifacts[1].source",
        "artifacts[1].destination",
        "artifacts[1].verify.provider",
        "artifacts[1].verify.minAge",
        "artifacts[1].verify.matchOIDCIdentity",
        "charts[0].name",
        "charts[0].source",
        "charts[0].destination",
        "hosts[0].host",
        "hosts[0].username",
        "hosts[1].maxChunkSize",
        "hosts[1].credential",
        "hosts[2].provider",
    ] {
        assert!(paths.contains(&path), "{path} is not among\n{}", done.stderr);
    }
    assert!(done.stderr.lines().all(|line| line.starts_with("✗ ")), "{done}");
}

#[tokio::test]
async fn what_is_not_yaml_as_it_should_be_is_told_with_its_place() {
    let entry = "  - source: SOURCE/app\n    destination: DESTINATION/app\n";
    for (text, expected) in [
        (
            format!("{HEAD}artifacts:\n{entry}    limit: 3\n"),
            "✗ mirror.yaml:6:5: unknown field `limit`",
        ),
        (
            format!("{HEAD}artifacts:\n{entry}    source: again\n"),
            "✗ mirror.yaml:6:5: `source` stands here twice",
        ),
        (format!("{HEAD}artifacts:\n{entry}---\n{HEAD}"), "✗ mirror.yaml:6:1: "),
        (format!("{HEAD}artifacts: [\n"), "✗ mirror.yaml:"),
        (format!("{HEAD}artifacts:\n{entry}    overwrite: perhaps\n"), "✗ mirror.yaml:6:16: "),
        ("kind: Config\n".to_owned(), "✗ mirror.yaml:1:1: "),
        (
            format!("{HEAD}artifacts:\n  - source: ${{NOT_SET}}\n"),
            "✗ mirror.yaml:4:13: variable `NOT_SET` is not set",
        ),
    ] {
        let done = refuse(&text).await;
        assert!(done.stderr.starts_with(expected), "{text}\n{done}");
        assert_eq!(done.stderr.lines().count(), 1, "{done}");
    }
}

#[tokio::test]
async fn a_clouds_login_is_for_its_own_hosts_alone() {
    for (provider, host, hosts) in [
        ("ecr", "us-docker.pkg.dev", "<account>.dkr.ecr.<region>.amazonaws.com, "),
        ("acr", "public.ecr.aws", "<registry>.azurecr.io, .azurecr.cn and .azurecr.us\n"),
        ("gar", "myregistry.azurecr.io", "<region>-docker.pkg.dev, gcr.io and <region>.gcr.io\n"),
    ] {
        let done = refuse(&format!(
            "{HEAD}artifacts:\n  - source: SOURCE/app\n    destination: DESTINATION/app\nhosts:\n  - \
             {{host: {host}, provider: {provider}}}\n"
        ))
        .await;
        let expected = format!("`{host}` is no host of {provider}, those are {hosts}");
        assert!(done.stderr.starts_with(&format!("✗ hosts[0].provider: {expected}")), "{done}");
    }
}
