//! One blob of 1 GiB over loopback, against `curl` that pipes the same GET into the same PUT.

use std::process::Stdio;
use std::time::Duration;

use mirror_tests::binary::Binary;
use mirror_tests::client::Client;
use mirror_tests::digest::sha256;
use mirror_tests::sample::{Image, noise};
use mirror_tests::servers::{Distribution, DistributionOptions};
use tokio::process::Command;
use tokio::time::Instant;

const SIZE: usize = 1 << 30;
const REPEATS: usize = 3;

pub(crate) async fn measure() {
    let source = Distribution::start(DistributionOptions::default()).await;
    let layer = noise("large", SIZE);
    let digest = sha256(&layer);
    Client::new(&source.host()).push("app", "1.0.0", &Image::new().layer(layer).build()).await;
    let (mut piped, mut mirrored, mut to_layout) = (Vec::new(), Vec::new(), Vec::new());
    let mut peak = 0;
    for _ in 0..REPEATS {
        let destination = Distribution::start(DistributionOptions::default()).await;
        piped.push(pipe(&source.host(), &destination.host(), &digest).await);
        let mirror = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
        for (times, place) in [
            (&mut mirrored, format!("{}/mirror", destination.host())),
            (&mut to_layout, "oci-layout://mirror".to_owned()),
        ] {
            let config = format!(
                "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n  - source: {}/app\n    destination: {place}\n",
                source.host()
            );
            mirror.write("mirror.yaml", config);
            let call = mirror.call(["sync", "mirror.yaml", "--no-progress"]);
            let run = call.deadline(Duration::from_secs(300)).run().await;
            run.assert_code(0);
            times.push(run.elapsed);
            peak = peak.max(run.peak_bytes.unwrap_or(0));
        }
    }
    let best = |times: &[Duration]| times.iter().min().unwrap().as_secs_f64();
    println!(
        "blob: 1 GiB: curl {:.2} s; flux-mirror {:.2} s, {:.0} % of curl's throughput; into a layout {:.2} s; {} MiB at most",
        best(&piped),
        best(&mirrored),
        best(&piped) / best(&mirrored) * 100.0,
        best(&to_layout),
        peak >> 20,
    );
}

/// `curl GET | curl PUT`, with the session opened before.
async fn pipe(source: &str, destination: &str, digest: &str) -> Duration {
    let opened = Client::new(destination).send("POST", "/v2/curl/blobs/uploads/", &[], b"").await;
    let location = opened.header("location").expect("a session").to_owned();
    let path = location.trim_start_matches(&format!("http://{destination}")).to_owned();
    let begun = Instant::now();
    let mut get = Command::new("curl")
        .args(["-sf", &format!("http://{source}/v2/app/blobs/{digest}")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl is installed");
    let bytes: Stdio = get.stdout.take().expect("a pipe").try_into().unwrap();
    let put = Command::new("curl")
        .args(["-sf", "-X", "PUT", "-T", "-", "-H", "Content-Type: application/octet-stream"])
        .args(["-H", "Transfer-Encoding:", "-H", &format!("Content-Length: {SIZE}")])
        .arg(format!("http://{destination}{path}&digest={digest}"))
        .stdin(bytes)
        .status()
        .await
        .unwrap();
    assert!(put.success() && get.wait().await.unwrap().success(), "curl piped it");
    begun.elapsed()
}
