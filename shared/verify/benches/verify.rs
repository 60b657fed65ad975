//! How long it takes to verify a signature: `cargo bench -p mirror-verify`.
//!
//! Prints, for bundles of both transparency logs and for making a verifier, the fastest and the median
//! of some runs; each is CPU alone. Nothing fails on a slow machine.

use std::error::Error;
use std::io::{self, Write as _};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use mirror_model::Identity;
use mirror_oci::Digest;
use mirror_selector::Pattern;
use mirror_verify::{Evidence, TrustedRoot, Verifier};

/// Enough for a steady median within seconds.
const RUNS: usize = 201;

macro_rules! file {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $path))
    };
}

const RECORDED: &str = file!("../../tests/servers/fixtures/email.sigstore.json");
const RECORDED_ROOT: &str = file!("../../tests/servers/fixtures/trusted_root.json");
const MANIFEST: &str = file!("../../tests/servers/fixtures/manifest.json");
const RECORDED_ISSUER: &str = "http://127.0.0.1:39769/email";
const PUBLIC: &str = file!("tests/data/cosign-v3-blob.sigstore.json");
const PUBLIC_DIGEST: &str =
    "sha256:e194b99df6639501325c5f44da79fe3a8efae6f239bd79443a19787e06fb1764";
const PUBLIC_ISSUER: &str = "https://github.com/login/oauth";

fn main() -> Result<(), Box<dyn Error>> {
    let recorded = TrustedRoot::from_json(RECORDED_ROOT)?;
    let public = TrustedRoot::embedded()?;
    measure("a verifier of the public root", || Verifier::new(&public).is_ok())?;

    let verifier = Verifier::new(&recorded)?;
    let pin = Digest::of(MANIFEST.as_bytes());
    verify("a statement: Rekor v2, timestamp", &verifier, RECORDED, &pin, RECORDED_ISSUER)?;
    let verifier = Verifier::new(&public)?;
    let pin = PUBLIC_DIGEST.parse()?;
    verify("a message: Rekor v1, SET, timestamp", &verifier, PUBLIC, &pin, PUBLIC_ISSUER)?;
    Ok(())
}

fn verify(
    name: &str,
    verifier: &Verifier,
    bundle: &'static str,
    pin: &Digest,
    issuer: &str,
) -> Result<(), Box<dyn Error>> {
    let wanted = [Identity { issuer: issuer.to_owned(), subject: Pattern::compile(".+@.+")? }];
    let evidence = Evidence::Bundle(Bytes::from_static(bundle.as_bytes()));
    let now = SystemTime::now();
    measure(name, || verifier.verify(pin, &evidence, &wanted, now).is_ok())?;
    Ok(())
}

fn measure(name: &str, run: impl Fn() -> bool) -> io::Result<()> {
    let mut times: Vec<Duration> = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let start = SystemTime::now();
        if !std::hint::black_box(run()) {
            return Err(io::Error::other(format!("{name}: refused")));
        }
        times.push(start.elapsed().unwrap_or(Duration::MAX));
    }
    times.sort_unstable();
    let (fastest, median) = (times[0], times[RUNS / 2]);
    writeln!(io::stdout(), "{name:40} {fastest:>10.1?} {median:>10.1?}")
}
