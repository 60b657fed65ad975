//! The scheduled runs as the processes that a kubelet would start: the manifests' own arguments, environment and
//! paths, volumes with their links and sockets, the image's user, and a root that is read-only.
//!
//! Wants the right to mount, as root has it; where that is missing nothing can be seen.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use mirror_tests::binary::{Binary, Finished};
use mirror_tests::scripted::{Fault, Rule, ScriptedRegistry};
use mirror_tests::servers::WorkloadApi;
use serde_json::Value;

use crate::auth::spiffe::registry;

use super::{CHOSEN, TAGS, assert_mirrored, example, push};

/// Makes a root of the program, what it is linked with and the volumes (pairs of folder and place, to `--`), has
/// it read-only, and runs the rest of the arguments there as the image's user.
const POD: &str = r#"
set -eu
root=$1 program=$2
shift 2
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$root"
for folder in /usr /lib /lib64; do
  if [ -d "$folder" ]; then mkdir "$root$folder"; mount --rbind "$folder" "$root$folder"; fi
done
touch "$root/flux-mirror"
mount --bind "$program" "$root/flux-mirror"
places=
while [ "$1" != -- ]; do
  mkdir -p "$root$2"
  mount --bind "$1" "$root$2"
  mount -o remount,bind,ro "$root$2"
  places="$places $root$2"
  shift 2
done
shift
mount -o remount,ro "$root"
for place in "$root" $places; do
  if touch "$place/x" 2>/dev/null; then echo "$place can be written to" >&2; exit 97; fi
done
exec chroot --userspec=65532:65532 --groups= "$root" /flux-mirror "$@"
"#;

/// What a kubelet would start: a container of a manifest of `examples/`.
struct Pod {
    binary: Binary,
    container: Value,
}

impl Pod {
    fn new(manifest: &str) -> Self {
        let job: Value = serde_saphyr::from_str(&example(manifest, &[])).unwrap();
        let container = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
        let binary = Binary::new("/usr/bin/unshare");
        fs::create_dir(binary.folder().join("root")).unwrap();
        Self { binary, container: container.clone() }
    }

    /// Makes the folder of a volume.
    fn volume(&self, name: &str) -> PathBuf {
        let volume = self.binary.folder().join(name);
        fs::create_dir(&volume).unwrap();
        volume
    }

    /// Runs it as the manifest says, with these volumes by their names, and more of the environment.
    async fn run(&self, volumes: &[(&str, &Path)], environment: &[(&str, &str)]) -> Finished {
        let Self { binary, container } = self;
        let call = binary.call(["--mount", "sh", "-c", POD, "pod"]);
        let mut call =
            call.arg(binary.folder().join("root")).arg(env!("CARGO_BIN_EXE_flux-mirror"));
        for mount in each(&container["volumeMounts"]) {
            let (_, volume) =
                volumes.iter().find(|(name, _)| mount["name"] == *name).expect("all are given");
            call = call.arg(volume).arg(mount["mountPath"].as_str().unwrap());
        }
        call = call.arg("--").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        for argument in each(&container["args"]) {
            call = call.arg(argument.as_str().unwrap());
        }
        for variable in each(&container["env"]) {
            let part = |name: &str| variable[name].as_str().unwrap();
            call = call.env(part("name"), part("value"));
        }
        environment.iter().fold(call, |call, (name, value)| call.env(name, value)).run().await
    }
}

fn each(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

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
async fn a_projected_token_is_read_with_its_paths_and_user_from_a_root_that_is_read_only() {
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

    let pod = Pod::new("workload-identity.cronjob.yaml");
    let volume = pod.volume("volume");
    for (time, token) in [("..2026_11_30_04_00", "first"), ("..2026_11_30_05_00", "second")] {
        project(&volume, time, &[("mirror.yaml", &config), ("registry-token", token)]);
        let shown = format!("Bearer {token}");
        let other = move |request: &mirror_tests::scripted::Request| {
            request.header("authorization") != Some(shown.as_str())
        };
        let refused = source.script(Rule::any().matching(other), Fault::error(401, "UNAUTHORIZED"));
        let done = pod.run(&[("flux", &volume)], &[]).await;
        done.assert_code(0);
        assert_eq!(refused.fired(), 0, "the token is the one that is mounted");
        assert_mirrored(&destination, "library/app", "library/app", &CHOSEN);
        destination.log().assert_anonymous();
        drop(refused);
        source.clear_script();
    }
}

#[tokio::test]
async fn the_workload_api_is_asked_by_its_socket_in_a_volume_that_is_read_only() {
    if !may_mount() {
        return;
    }
    let workload = WorkloadApi::start(&["mirror", "registry"], 3600).await;
    let (source, destination) = (ScriptedRegistry::plain(), registry(&workload).await);
    push(&source, "library/app", &TAGS);
    let unsigned = |request: &mirror_tests::scripted::Request| {
        // A question to STS who we are, in three parts of which the last is empty.
        let shown = request.header("authorization").unwrap_or_default();
        !(shown.starts_with("Bearer eyJ") && shown.ends_with('.'))
    };
    let refused = source.script(Rule::any().matching(unsigned), Fault::error(401, "UNAUTHORIZED"));
    let hosts = [("source-registry.example.com", &source), ("registry.example.org", &destination)];

    let pod = Pod::new("spiffe.cronjob.yaml");
    let (config, sockets) = (pod.volume("config"), pod.volume("sockets"));
    project(&config, "..2026_11_30", &[("mirror.yaml", &example("spiffe.yaml", &hosts))]);
    let endpoint = workload.endpoint("mirror");
    let socket = endpoint.strip_prefix("unix://").unwrap();
    fs::hard_link(socket, sockets.join("spire-agent.sock")).unwrap();
    // As an agent makes its socket: who asks is known by more than a file's mode.
    fs::set_permissions(socket, fs::Permissions::from_mode(0o777)).unwrap();
    let volumes = [("config", &*config), ("spiffe-workload-api", &*sockets)];
    let aws = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let done = pod.run(&volumes, &aws).await;
    done.assert_code(0);
    assert_eq!(refused.fired(), 0, "the source is shown who we are at AWS");
    assert_mirrored(&destination, "library/app", "library/app", &CHOSEN);
}
