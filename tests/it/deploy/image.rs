//! The container file makes the image that the manifests run: nothing but the program and the
//! authorities, as the same user, by the Rust that the workspace names. That it builds needs a
//! container engine and is not seen here.

use super::containers::USER;
use super::text;

/// Returns what is wrong with a container file.
fn judge(file: &str) -> Vec<String> {
    let last = file.rsplit("\nFROM ").next().unwrap_or_default();
    let steps: Vec<&str> = last.lines().collect();
    let user = format!("USER {USER}:{USER}");
    let authorities = "/etc/ssl/certs/ca-certificates.crt";
    let copied = format!("COPY --from=build {authorities} {authorities}");
    let expected = [
        "scratch",
        &copied,
        "COPY --from=build /out/flux-mirror /flux-mirror",
        &user,
        "ENTRYPOINT [\"/flux-mirror\"]",
    ];
    let mut faults = Vec::new();
    if steps != expected {
        faults.push(format!("the image is {steps:#?}"));
    }
    let rust = format!("FROM docker.io/library/rust:{}-", env!("CARGO_PKG_RUST_VERSION"));
    if !file.contains(&rust) {
        faults.push(format!("it is not built by {rust}"));
    }
    for flag in ["-C target-feature=+crt-static", "--locked --release", "--target \"$host\""] {
        if !file.contains(flag) {
            faults.push(format!("it is built without {flag}"));
        }
    }
    faults
}

#[test]
fn the_image_holds_the_program_alone() {
    let file = text("image/Containerfile");
    assert_eq!(judge(&file), Vec::<String>::new());
    for (from, to) in [
        ("FROM scratch", "FROM docker.io/library/debian"),
        ("USER 65532:65532", "USER root"),
        ("\nENTRYPOINT", "\nRUN true\nENTRYPOINT"),
        ("rust:1.94.1", "rust:1.80.0"),
        ("+crt-static", "+sse2"),
        ("--locked ", ""),
    ] {
        assert!(file.contains(from), "{from}");
        assert_eq!(judge(&file.replace(from, to)).len(), 1, "{from} → {to}");
    }
}
