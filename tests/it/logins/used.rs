//! What `login` stored is used: by `sync`, whose config does not know the host, and by other people's
//! clients, at a registry that wants Basic.

use mirror_tests::binary::Binary;
use mirror_tests::client::Client;
use mirror_tests::sample::image;
use mirror_tests::servers::{Distribution, DistributionOptions};
use mirror_tests::tools::crane;

use super::with_hosts;

async fn registry() -> Distribution {
    Distribution::start(DistributionOptions { basic: true, ..DistributionOptions::default() }).await
}

/// The program, logged in at a registry with a Docker config in `shared`.
async fn logged_in(registry: &Distribution, helper: bool) -> Binary {
    let host = registry.host();
    let fields =
        format!("host: '{host}', username: mirror, credential: {{value: '${{PASSWORD}}'}}");
    let binary = with_hosts(&[&fields]);
    if helper {
        binary.write("shared/config.json", "{\"credsStore\": \"kept\"}");
        binary.write_program(
            "docker-credential-kept",
            "#!/bin/sh\ncase $1 in store) cat > \"$HOME/kept\" ;; get) cat > /dev/null; cat \
             \"$HOME/kept\" ;; esac\n",
        );
    }
    let call = binary.call(["login", "-f", "hosts.yaml", "--docker-config", "shared"]);
    call.env("PASSWORD", "secret").run().await.assert_code(0);
    binary
}

/// Mirrors an image into the registry with what was stored.
async fn sync(binary: &Binary, registry: &Distribution) {
    mirror_tests::layout::write_layout(
        &binary.folder().join("source"),
        &[("1.0.0", &image("app"))],
    );
    binary.write(
        "mirror.yaml",
        format!(
            "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n  - {{source: \
             'oci-layout://source', destination: '{}/app'}}\n",
            registry.host()
        ),
    );
    let call = binary.call(["sync", "mirror.yaml"]);
    call.env("DOCKER_CONFIG", binary.folder().join("shared")).run().await.assert_code(0);
}

#[tokio::test]
async fn sync_and_crane_are_let_in_by_it() {
    for helper in [false, true] {
        let registry = registry().await;
        let binary = logged_in(&registry, helper).await;
        let wrong = [("authorization", "Basic bWlycm9yOndyb25n")];
        let denied = Client::new(&registry.host()).exchange_once("/v2/", &wrong).await;
        assert_eq!(denied.status, 401);
        sync(&binary, &registry).await;
        let mut crane = crane();
        crane.set_env("DOCKER_CONFIG", binary.folder().join("shared"));
        crane.set_env("HOME", binary.folder().join("home"));
        let path = format!("{}:/usr/bin:/bin", binary.folder().join("bin").display());
        crane.set_env("PATH", path);
        let reference = format!("{}/app:1.0.0", registry.host());
        assert_eq!(crane.says(["digest", &reference]).await, image("app").digest());
    }
}

#[cfg(feature = "test-clients")]
#[tokio::test]
async fn oras_is_let_in_by_it() {
    for helper in [false, true] {
        let registry = registry().await;
        let binary = logged_in(&registry, helper).await;
        sync(&binary, &registry).await;
        let mut oras = mirror_tests::tools::tool("oras").expect("it was built");
        oras.set_env("DOCKER_CONFIG", binary.folder().join("shared"));
        oras.set_env("HOME", binary.folder().join("home"));
        let path = format!("{}:/usr/bin:/bin", binary.folder().join("bin").display());
        oras.set_env("PATH", path);
        let reference = format!("{}/app:1.0.0", registry.host());
        let digest = oras.says(["resolve", "--plain-http", &reference]).await;
        assert_eq!(digest, image("app").digest());
    }
}
