//! The scheduled run of the workload identity as the process that a kubelet would start: the manifest's own
//! arguments and paths, its projected volume with its links, the image's user, and a root that is read-only.
//!
//! Wants the right to mount, as root has it; where that is missing nothing can be seen.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use mirror_tests::binary::Binary;
use mirror_tests::scripted::{Fault, Rule, ScriptedRegistry};
use serde_json::Value;

use super::{CHOSEN, TAGS, assert_mirrored, example, push};

/// Makes a root of the program, what it is linked with and the volume, has it read-only, and runs the rest of the
/// arguments there as the image's user.
const POD: &str = r#"
set -eu
root=$1 program=$2 volume=$3 place=$4
shift 4
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$root"
for folder in /usr /lib /lib64; do
  if [ -d "$folder" ]; then mkdir "$root$folder"; mount --rbind "$folder" "$root$folder"; fi
done
touch "$root/flux-mirror"
mount --bind "$program" "$root/flux-mirror"
mkdir -p "$root$place"
mount --bind "$volume" "$root$place"
mount -o remount,bind,ro "$root$place"
mount -o remount,ro "$root"
if touch "$root/x" "$root$place/x" 2>/dev/null; then echo "it can be written to" >&2; exit 97; fi
exec chroot --userspec=65532:65532 --groups= "$root" /flux-mirror "$@"
"#;

#[expect(clippy::print_stderr, reason = "whoever reads why a test says little, reads it here")]
fn may_mount() -> bool {
    let tried = Command::new("unshare").args(["--mount", "true"]).output();
    let may = tried.is_ok_and(|done| done.status.success());
    if !may {
        eprintln!("nobody may mount here: how a pod would see its volumes is not known");
    }
    may
}

/// Lays a volume out as a kubelet does: the files below a folder of their time, links to it, links to those.
fn project(volume: &Path, time: &str, files: &[(&str, &str)]) {
    let folder = volume.join(time);
    fs::create_dir_all(&folder).unwrap();
    for (name, content) in files {
        fs::write(folder.join(name), content).unwrap();
        let link = volume.join(name);
        if !link.is_symlink() {
            symlink(Path::new("..data").join(name), link).unwrap();
        }
    }
    let next = volume.join("..data_tmp");
    symlink(time, &next).unwrap();
    fs::rename(next, volume.join("..data")).unwrap();
}

#[tokio::test]
async fn the_cronjob_runs_with_its_paths_its_user_and_a_root_that_is_read_only() {
    if !may_mount() {
        return;
    }
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    push(&source, "library/app", &TAGS);
    let cloud = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
    let hosts = [("source-registry.example.com", &source), (cloud, &destination)];
    // The destination is a cloud's; what is left is a registry that takes anybody.
    let provider = format!("  - host: {}\n    provider: ecr\n", destination.host());
    let config = example("workload-identity.yaml", &hosts).replace(&provider, "");

    let job: Value =
        serde_saphyr::from_str(&example("workload-identity.cronjob.yaml", &[])).unwrap();
    let container = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    let place = container["volumeMounts"][0]["mountPath"].as_str().unwrap();
    let arguments: Vec<&str> =
        container["args"].as_array().unwrap().iter().filter_map(Value::as_str).collect();

    let pod = Binary::new("/usr/bin/unshare");
    for folder in ["root", "volume"] {
        fs::create_dir(pod.folder().join(folder)).unwrap();
    }
    let volume = pod.folder().join("volume");
    for (time, token) in [("..2026_11_30_04_00", "first"), ("..2026_11_30_05_00", "second")] {
        project(&volume, time, &[("mirror.yaml", &config), ("registry-token", token)]);
        let shown = format!("Bearer {token}");
        let other = move |request: &mirror_tests::scripted::Request| {
            request.header("authorization") != Some(shown.as_str())
        };
        let refused = source.script(Rule::any().matching(other), Fault::error(401, "UNAUTHORIZED"));
        let call = pod.call(["--mount", "sh", "-c", POD, "pod"]);
        let call = call.arg(pod.folder().join("root")).arg(env!("CARGO_BIN_EXE_flux-mirror"));
        let mut call = call.arg(&volume).arg(place);
        for argument in &arguments {
            call = call.arg(argument);
        }
        let done = call.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").run().await;
        done.assert_code(0);
        assert_eq!(refused.fired(), 0, "the token is the one that is mounted");
        assert_mirrored(&destination, "library/app", "library/app", &CHOSEN);
        destination.log().assert_anonymous();
        drop(refused);
        source.clear_script();
    }
}
