//! The configs of the user's document of `sync`, each as it stands there.

use super::*;

#[track_caller]
fn check(text: &str, entries: usize, hosts: usize) {
    let folder = Folder::new();
    fs::write(folder.path().join("registry-token"), "t").unwrap();
    let config = folder.load(text).map_err(|errors| errors.to_string()).unwrap();
    assert_eq!((config.entries.len(), config.hosts.len()), (entries, hosts));
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn every_config_of_the_document_loads() {
    check(include_str!("examples/charts-to-ghcr.yaml"), 4, 1);
    check(include_str!("examples/charts-between-registries.yaml"), 1, 0);
    check(include_str!("examples/images-to-private-registry.yaml"), 2, 2);
    let ecr = include_str!("examples/images-to-ecr.yaml");
    check(ecr, 3, 2);
    let provider = "  - host: 123456789012.dkr.ecr.us-east-1.amazonaws.com\n    provider: ecr\n";
    assert!(ecr.ends_with(provider));
    for other in [
        "  - host: myregistry.azurecr.io\n    provider: acr\n",
        "  - host: us-docker.pkg.dev\n    provider: gar\n",
    ] {
        check(&ecr.replace(provider, other), 3, 2);
    }
    check(include_str!("examples/workload-identity.yaml"), 1, 2);
    check(include_str!("examples/spiffe.yaml"), 1, 2);
}
