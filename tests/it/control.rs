//! The client of a fleet, through the built program: what it asks of a coordinator, what it shows of
//! its answers, and what it does when they stop coming. The coordinator here is a scripted one; what a
//! real fleet does is tried elsewhere.

mod runs;
mod server;
mod submitting;
mod watching;

use mirror_tests::binary::Binary;

use self::server::{Step, ended, planned, row, unplanned};
use mirror_proto::wire::job::v1::StatusKind;

/// A binary with a config, `mirror.yaml`, of two artifacts.
fn binary() -> Binary {
    let mirror = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    mirror.write("mirror.yaml", config(""));
    mirror
}

fn config(more: &str) -> String {
    format!(
        "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n  \
         - {{source: s.example/0, destination: d.example/0}}\n  \
         - {{source: s.example/1, destination: d.example/1}}\n{more}"
    )
}

/// A whole run: two rows of the first entry, no plan of the second.
fn whole() -> Vec<Step> {
    vec![
        Step::Say("1", planned(0, &["2.0.0", "1.0.0"])),
        Step::Say("2", row(0, 1, StatusKind::UpToDate)),
        Step::Say("3", unplanned(1, "NAME_UNKNOWN")),
        Step::Say("4", row(0, 0, StatusKind::Copied)),
        ended(),
    ]
}

/// What stdout shows of it, but for the summary.
const LINES: &str = "\
✓ s.example/0:1.0.0 (skipped)
→ d.example/0:1.0.0
✗ s.example/1 — plan failed: NAME_UNKNOWN
✓ s.example/0:2.0.0 (copied)
→ d.example/0:2.0.0
";
