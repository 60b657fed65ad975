//! The command line: where the config comes from, flags and their bounds, answers, exit codes, and
//! what is refused before anything is asked of the network.

mod answers;
mod documented;
mod exits;
mod flags;
mod refusals;
mod sources;
mod streams;

use mirror_tests::binary::Binary;
use mirror_tests::layout::write_layout;
use mirror_tests::sample::image;

/// What every config of these tests begins with.
const HEAD: &str = "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\n";

/// A config of one artifact, with its selector's fields.
fn config(source: &str, destination: &str, selector: &str) -> String {
    format!(
        "{HEAD}artifacts:\n  - source: {source}\n    destination: {destination}\n    \
         selector: {{{selector}}}\n"
    )
}

fn binary() -> Binary {
    Binary::new(env!("CARGO_BIN_EXE_flux-mirror"))
}

/// A binary with a layout of one tag and a config, `mirror.yaml`, that copies it to the layout
/// `copy`: a whole run without a network.
fn with_layout() -> Binary {
    let mirror = binary();
    write_layout(&mirror.folder().join("source"), &[("1.0.0", &image("app"))]);
    mirror.write("mirror.yaml", config("oci-layout://source", "oci-layout://copy", ""));
    mirror
}
