//! Runs over a fleet that nothing happens to: the same report as in process.

use mirror_tests::scripted::ScriptedRegistry;

use super::{Fleet, Mirrored, comparable};

#[tokio::test]
async fn a_fleet_reports_what_a_process_reports() {
    let mirrored = Mirrored::by(Fleet::start(2).await);
    mirrored.push("app", &["1.0.0", "1.1.0", "2.0.0"]);
    mirrored.push("lib", &["0.1.0"]);
    mirrored.config("mirror.yaml", &["app", "lib", "none"], "");
    let over = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").run().await;
    over.assert_code(1);
    mirrored.assert_mirrored("app", &["1.0.0", "1.1.0", "2.0.0"]);
    mirrored.assert_one_row_each().await;

    // The same into another registry, in process; its address alone differs in the report.
    let fresh = ScriptedRegistry::plain();
    let config = mirrored.fleet.binary.folder().join("mirror.yaml");
    let config = std::fs::read_to_string(config).unwrap();
    let moved = config.replace(&mirrored.destination.host(), &fresh.host());
    mirrored.fleet.binary.write("here.yaml", moved);
    let here = mirrored.fleet.binary.call(["sync", "here.yaml", "-o", "json", "--no-progress"]);
    let mut here = here.run().await;
    here.stdout = here.stdout.replace(&fresh.host(), &mirrored.destination.host());
    assert_eq!(comparable(&over.json()), comparable(&here.json()));
}
