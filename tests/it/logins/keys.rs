//! Keys that `keygen` makes: their files, and that a registry verifies by one what the other signed.

use std::os::unix::fs::PermissionsExt as _;

use mirror_tests::binary::Binary;
use mirror_tests::client::Client;
use mirror_tests::servers::{Distribution, DistributionOptions};
use mirror_tests::watch::{Came, Watch};

use super::{docker_config, read, with_hosts};

#[tokio::test]
async fn a_pair_is_two_files_that_are_never_overwritten() {
    let binary = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    let done = binary.call(["keygen", "-o", "keys/new"]).run().await;
    done.assert_code(0);
    let expected = "✔ private key set written to: keys/new/privkey.json\n\
                    ✔ public key set written to: keys/new/pubkey.json\n";
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), (expected, ""));
    let path = |name: &str| binary.folder().join("keys/new").join(name);
    let mode = |name| path(name).metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode("privkey.json"), mode("pubkey.json")), (0o600, 0o644));
    let key = |name| read(&path(name))["keys"][0].clone();
    let (private, public) = (key("privkey.json"), key("pubkey.json"));
    assert_eq!(private["kid"], public["kid"]);
    assert!(private["d"].is_string() && public["d"].is_null());

    let refused = "keys/new/privkey.json is there already, and is not overwritten\n";
    let both = format!("✗ {refused}✗ {}", refused.replace("priv", "pub"));
    for (remove, expected) in [
        (None, both.clone()),
        (Some("privkey.json"), format!("✗ {}", refused.replace("priv", "pub"))),
    ] {
        if let Some(name) = remove {
            std::fs::remove_file(path(name)).expect("it was there");
        }
        let done = binary.call(["keygen", "--output-dir", "keys/new"]).run().await;
        done.assert_code(1);
        assert_eq!((done.stdout.as_str(), done.stderr), ("", expected));
    }
    assert_eq!(key("pubkey.json"), public);
    assert!(!path("privkey.json").exists(), "half a pair is none");
    binary.call(["keygen"]).run().await.assert_code(0);
    assert!(
        binary.folder().join("privkey.json").exists(),
        "by default it is the working directory"
    );
}

#[tokio::test]
async fn the_private_key_is_never_there_without_the_public_one() {
    let binary = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    let folder = binary.folder().join("keys");
    std::fs::create_dir(&folder).expect("our own folder");
    let watch = Watch::new(&folder);
    binary.call(["keygen", "-o", "keys"]).run().await.assert_code(0);
    let came: Vec<(String, Came)> = watch.came();
    let names: Vec<&str> = came.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["pubkey.json", "privkey.json"], "{came:?}");
    assert!(came.iter().all(|(_, how)| *how == Came::Renamed), "{came:?}");
}

/// Signs a token with the pair in `keys` and returns it.
async fn signed(binary: &Binary) -> String {
    binary.call(["login", "-f", "hosts.yaml"]).run().await.assert_code(0);
    let token = docker_config(binary)["auths"]["registry.example"]["registrytoken"].clone();
    token.as_str().expect("a bearer token").to_owned()
}

#[tokio::test]
async fn a_registry_with_the_public_key_takes_what_the_private_key_signs() {
    let hosts = [
        "host: registry.example, credential: {jwkPath: keys/privkey.json, iss: test, sub: me, aud: test}",
    ];
    let binary = with_hosts(&hosts);
    binary.call(["keygen", "-o", "keys"]).run().await.assert_code(0);
    let key_set = Some(binary.folder().join("keys/pubkey.json"));
    let registry = Distribution::start(DistributionOptions { key_set, ..Default::default() }).await;
    let client = Client::new(&registry.host());
    let ask = async |token: &str| {
        let shown = format!("Bearer {token}");
        client.exchange_once("/v2/", &[("authorization", &shown)]).await.status
    };
    assert_eq!(ask(&signed(&binary).await).await, 200, "{}", registry.output());

    let other = with_hosts(&hosts);
    other.call(["keygen", "-o", "keys"]).run().await.assert_code(0);
    assert_eq!(ask(&signed(&other).await).await, 401, "a key that it does not know");
    let stranger = with_hosts(&[&hosts[0].replace("iss: test", "iss: other")]);
    for name in ["privkey.json", "pubkey.json"] {
        let text = std::fs::read(binary.folder().join("keys").join(name)).expect("our own file");
        stranger.write(&format!("keys/{name}"), text);
    }
    assert_eq!(ask(&signed(&stranger).await).await, 401, "an issuer that it does not know");
}
