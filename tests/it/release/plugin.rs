//! As the Flux CLI runs it: by path, out of its plugin folder, with what follows `flux mirror`.

use std::process::Command;

use mirror_tests::binary::Binary;
use mirror_tests::layout::{assert_layout_holds, write_layout};
use mirror_tests::sample::image;

use super::{architecture, package, said};

/// What Flux does for a plugin: the executable `flux-NAME` of its one folder is run in its place.
const FLUX: &str = "#!/bin/sh\nname=$1; shift\nexec \"${FLUXCD_PLUGINS:-$HOME/.fluxcd/plugins}/flux-$name\" \"$@\"\n";

#[tokio::test]
async fn flux_mirror_is_the_program_of_the_archive() {
    let flux = Binary::new("/usr/bin/env");
    flux.write_program("flux", FLUX);
    let plugins = flux.folder().join("home/.fluxcd/plugins");
    std::fs::create_dir_all(&plugins).unwrap();
    let program = env!("CARGO_BIN_EXE_flux-mirror");
    let archive = package(program.as_ref(), architecture(), flux.folder());
    let mut unpack = Command::new("tar");
    unpack.arg("-xzf").arg(flux.folder().join(archive)).arg("-C").arg(&plugins).arg("flux-mirror");
    said(&unpack.output().unwrap());

    let version = format!("flux-mirror {}\n", env!("CARGO_PKG_VERSION"));
    let done = flux.call(["flux", "mirror", "version"]).run().await;
    assert_eq!((done.code(), done.stdout), (Some(0), version.clone()));

    // A run, with its streams and its exit code.
    write_layout(&flux.folder().join("source"), &[("1.0.0", &image("app"))]);
    let head = "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\n";
    let entry =
        "artifacts:\n  - {source: 'oci-layout://source', destination: 'oci-layout://copy'}\n";
    flux.write("mirror.yaml", format!("{head}{entry}"));
    let done = flux.call(["flux", "mirror", "sync", "mirror.yaml", "--no-progress"]).run().await;
    done.assert_code(0);
    assert_layout_holds(&flux.folder().join("copy"), "1.0.0", &image("app"));
    write_layout(&flux.folder().join("source"), &[("1.0.0", &image("other"))]);
    let done = flux.call(["flux", "mirror", "sync", "mirror.yaml"]).run().await;
    done.assert_code(2);
    let refused = flux.call(["flux", "mirror", "sync", "none.yaml"]).run().await;
    refused.assert_code(1);
    assert!(refused.stderr.starts_with("✗ ") && refused.stdout.is_empty(), "{refused}");

    // Another folder, a link, and the config beside the program.
    std::fs::create_dir(flux.folder().join("linked")).unwrap();
    let link = flux.folder().join("linked/flux-mirror");
    std::os::unix::fs::symlink(plugins.join("flux-mirror"), &link).unwrap();
    let hosts = "hosts:\n  - {host: r.example, credential: {value: t}}\n";
    std::fs::write(plugins.join("flux-mirror.config"), format!("{head}{hosts}")).unwrap();
    let call = flux.call(["flux", "mirror", "login"]);
    let done = call.env("FLUXCD_PLUGINS", flux.folder().join("linked")).run().await;
    done.assert_code(0);
    assert!(done.stdout.starts_with("✔ stored credential for r.example in "), "{done}");
}

/// What Flux is told when somebody completes these words behind `flux mirror`: candidates, and then whether
/// file names may come too (`:0`) or not (`:4`).
async fn completed(words: &[&str]) -> (Vec<String>, String) {
    let program = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    let done = program.call([&["__complete"], words].concat()).run().await;
    done.assert_code(0);
    assert_eq!(done.stderr, "");
    let mut lines: Vec<String> = done.stdout.lines().map(str::to_owned).collect();
    let last = lines.pop().expect("Cobra's word");
    let values = lines.iter().map(|line| line.split('\t').next().unwrap_or_default().to_owned());
    (values.collect(), last)
}

#[tokio::test]
async fn flux_is_told_what_may_follow() {
    for (words, candidates, last) in [
        (&["ru"][..], &["runs"][..], ":4"),
        (&["runs", "w"], &["watch"], ":4"),
        (&["sync", "--dr"], &["--drift-exit-code", "--dry-run"], ":4"),
        (&["sync", "--output", ""], &["text", "json", "yaml"], ":4"),
        (&["sync", "--verbose", "-o", "j"], &["json"], ":4"),
        (&["completion", ""], &["bash", "elvish", "fish", "powershell", "zsh"], ":4"),
        // A config, a duration, and what nobody knows.
        (&["sync", ""], &[], ":0"),
        (&["sync", "--timeout", "1"], &[], ":0"),
        (&["sync", "--trusted-root", ""], &[], ":0"),
        (&["sync", "--", "-"], &[], ":0"),
        (&["version", "--nothing", "--such"], &[], ":0"),
        (&[], &[], ":0"),
    ] {
        let expected = candidates.iter().map(ToString::to_string).collect();
        assert_eq!(completed(words).await, (expected, last.to_owned()), "{words:?}");
    }
    let (commands, last) = completed(&[""]).await;
    assert!(commands.contains(&"sync".to_owned()) && !commands.contains(&"--help".to_owned()));
    assert_eq!(last, ":4");
}
