//! OCI image layouts as source and destination: sentence by sentence what the specification says of
//! them.

mod attached;
mod crashes;
mod paths;
mod tags;

use std::fs;
use std::path::Path;

use mirror_tests::binary::{Binary, Finished};

const HEAD: &str = "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n";

fn binary() -> Binary {
    Binary::new(env!("CARGO_BIN_EXE_flux-mirror"))
}

/// An entry that takes every tag.
fn entry(source: &str, destination: &str) -> String {
    format!(
        "  - {{source: '{source}', destination: '{destination}', selector: {{sortBy: alphabetical, limit: 0}}}}\n"
    )
}

/// Runs one entry that takes every tag.
async fn sync(mirror: &Binary, source: &str, destination: &str, flags: &[&str]) -> Finished {
    mirror.write("mirror.yaml", format!("{HEAD}{}", entry(source, destination)));
    let arguments = ["sync", "mirror.yaml"].into_iter().chain(flags.iter().copied());
    mirror.call(arguments).run().await
}

/// Copies a folder as it is: onto a disk that is carried elsewhere.
fn carry(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder can be made");
    for entry in fs::read_dir(from).expect("the folder is there").flatten() {
        let (path, copied) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            carry(&path, &copied);
        } else {
            fs::copy(&path, &copied).expect("a file can be copied");
        }
    }
}
