//! Where layouts may lie: in the config's folder, or in `--layout-root`, and nowhere else.

use std::fs;
use std::os::unix::fs::symlink;

use mirror_tests::binary::Binary;
use mirror_tests::layout::{assert_layout_holds, write_layout};
use mirror_tests::sample::image;

use super::{HEAD, binary, entry};

/// `config/mirror.yaml` copies `config/source` to `destination`; `root` and `outside` lie beside.
fn world(destination: &str) -> Binary {
    let mirror = binary();
    let folder = mirror.folder();
    for sub in ["config", "root", "outside"] {
        fs::create_dir_all(folder.join(sub)).unwrap();
    }
    write_layout(&folder.join("config/source"), &[("1.0.0", &image("a"))]);
    symlink("../outside", folder.join("config/out")).unwrap();
    symlink("inner", folder.join("config/in")).unwrap();
    fs::create_dir(folder.join("config/inner")).unwrap();
    let destination = destination.replace("BASE", folder.to_str().unwrap());
    let text = format!("{HEAD}{}", entry("oci-layout://source", &destination));
    mirror.write("config/mirror.yaml", text);
    mirror
}

async fn refused(destination: &str, flags: &[&str], reason: &str) {
    let mirror = world(destination);
    let arguments = ["sync", "config/mirror.yaml"].into_iter().chain(flags.iter().copied());
    let done = mirror.call(arguments).run().await;
    done.assert_code(1);
    assert_eq!(done.stdout, "");
    assert!(done.stderr.starts_with("✗ artifacts[0].destination: "), "{done}");
    assert!(done.stderr.contains(reason), "{reason}: {done}");
    assert_eq!(fs::read_dir(mirror.folder().join("outside")).unwrap().count(), 0);
}

async fn taken(destination: &str, flags: &[&str], place: &str) {
    let mirror = world(destination);
    let arguments = ["sync", "config/mirror.yaml"].into_iter().chain(flags.iter().copied());
    mirror.call(arguments).run().await.assert_code(0);
    assert_layout_holds(&mirror.folder().join(place), "1.0.0", &image("a"));
}

#[tokio::test]
async fn a_path_that_leaves_the_configs_folder_is_refused_and_says_how() {
    refused("oci-layout://../outside/x", &[], "leaves the config's folder").await;
    refused("oci-layout://a/../../outside/x", &[], "by ..").await;
    refused("oci-layout://BASE/outside/x", &[], "is absolute").await;
    refused("oci-layout://out/x", &[], "by a symbolic link").await;
    refused("oci-layout://out", &[], "by a symbolic link").await;
    refused("oci-layout://", &[], "a path is missing").await;
}

#[tokio::test]
async fn a_path_is_the_configs_wherever_the_program_runs() {
    taken("oci-layout://to", &[], "config/to").await;
    taken("oci-layout://./a/../to", &[], "config/to").await;
    taken("oci-layout://in/to", &[], "config/inner/to").await;
}

#[tokio::test]
async fn a_layout_root_lets_paths_leave_for_it_alone() {
    taken("oci-layout://../root/to", &["--layout-root", "root"], "root/to").await;
    taken("oci-layout://BASE/root/to", &["--layout-root", "root"], "root/to").await;
    taken("oci-layout://to", &["--layout-root", "root"], "config/to").await;
    refused("oci-layout://../outside/x", &["--layout-root", "root"], "--layout-root").await;
    refused("oci-layout://BASE/outside/x", &["--layout-root", "root"], "--layout-root").await;
    refused("oci-layout://out/x", &["--layout-root", "root"], "by a symbolic link").await;
}

#[tokio::test]
async fn a_layout_root_that_is_not_there_is_named() {
    let mirror = world("oci-layout://to");
    let call = mirror.call(["sync", "config/mirror.yaml", "--layout-root", "nowhere"]);
    let done = call.run().await;
    done.assert_code(1);
    assert!(done.stderr.starts_with("✗ ") && done.stderr.contains("nowhere"), "{done}");
    assert_eq!(done.stderr.lines().count(), 1, "{done}");
}

#[tokio::test]
async fn on_stdin_paths_are_relative_to_the_working_directory() {
    let mirror = world("oci-layout://to");
    let text = format!("{HEAD}{}", entry("oci-layout://config/source", "oci-layout://root/to"));
    mirror.call(["sync", "-"]).stdin(text).run().await.assert_code(0);
    assert_layout_holds(&mirror.folder().join("root/to"), "1.0.0", &image("a"));
    let text = format!("{HEAD}{}", entry("oci-layout://config/source", "oci-layout://../to"));
    mirror.call(["sync", "-"]).stdin(text).run().await.assert_code(1);
}

#[tokio::test]
async fn a_link_that_comes_after_loading_takes_nobody_out() {
    // Between loading and writing, somebody puts a link where the layout's content goes.
    let mirror = world("oci-layout://to");
    let to = mirror.folder().join("config/to");
    fs::create_dir_all(&to).unwrap();
    symlink("../../outside", to.join("blobs")).unwrap();
    let done = mirror.call(["sync", "config/mirror.yaml", "--retries=0"]).run().await;
    done.assert_code(1);
    assert_eq!(fs::read_dir(mirror.folder().join("outside")).unwrap().count(), 0);
}
