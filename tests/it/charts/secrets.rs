//! What URLs of chart repositories have in them that is for nobody's eyes (threats S17, S18).

use mirror_tests::binary::Call;
use mirror_tests::chart::{chart, digest, index};

use super::*;
use crate::requests::pair::assert_rows;

const OUTPUTS: [&[&str]; 4] = [&[], &["--verbose"], &["-o", "json"], &["-o", "yaml"]];
/// Each secret has this in it.
const CANARY: &str = "CaNaRy";

/// URLs that take the repository's scheme, or are none, so that no user can be left out of them.
const NO_URLS: [&str; 5] = [
    "//CaNaRy:CaNaRy@127.0.0.1:1/app.tgz?sig=CaNaRy",
    "https://CaNaRy:pa/ssCaNaRy@cdn.example/app.tgz",
    "https://CaNaRy:CaNaRy@cdn.example:99999/app.tgz?sig=CaNaRy",
    "//CaNaRy:CaNaRy@cdn.example:port/app.tgz",
    "oci://CaNaRy:CaNaRy@cdn.example:port/app",
];

/// How a run ends.
const BREAKS: [(&str, Option<u16>); 7] = [
    ("*", None),
    ("index.yaml*", Some(401)),
    ("index.yaml*", Some(404)),
    ("*.tgz*", Some(401)),
    ("*.tgz*", Some(403)),
    ("*.tgz*", Some(404)),
    ("*.tgz*", Some(200)),
];

both_modes!(queries_and_users_of_urls_are_sent_and_shown_to_nobody);
async fn queries_and_users_of_urls_are_sent_and_shown_to_nobody() {
    for (path, status) in BREAKS {
        let world = World::new();
        let archive = chart("app", "1.0.0");
        let with_user =
            world.repository.url().replace("http://", &format!("http://user-{CANARY}:{CANARY}@"));
        let listed = [
            ("1.0.0", &*format!("app.tgz?sig={CANARY}"), &*digest(&archive)),
            ("1.1.0", &*format!("{with_user}/charts/gone.tgz?sig={CANARY}"), ""),
            ("1.2.0", &*format!("oci://{CANARY}:{CANARY}@{}/app:1.2.0", world.registry.host()), ""),
            ("1.3.0", &*NO_URLS.join("\n    - "), &*digest(&archive)),
        ];
        world.serve_bytes("index.yaml*", index("app", &listed));
        world.serve_bytes("app.tgz*", archive);
        if let Some(status) = status {
            world.serve(path, Answer::status(status).body(format!("no {CANARY}")));
        }
        let source = format!("{}?token={CANARY}", world.url());
        let to = format!("oci://{}/mirrored", world.registry.host());
        world.config_of(&source, &to, &[("app", "limit: 0")]);
        for flags in OUTPUTS {
            let call = world.mirror.call(["sync", "mirror.yaml", "--retries=0"]);
            let done = flags.iter().fold(call, Call::arg).run().await;
            done.assert_code(1);
            assert!(!format!("{done}").contains(CANARY), "{path} {status:?} {flags:?}: {done}");
        }
        let log = world.repository.log();
        let [first, ..] = log.entries() else { panic!("nothing was asked") };
        assert_eq!(first.target, format!("/charts/index.yaml?token={CANARY}"));
        let is_known = |target: &str| target == format!("/charts/app.tgz?token={CANARY}");
        let asked = log.entries().iter().any(|entry| is_known(&entry.target));
        assert_eq!(asked, path != "index.yaml*", "{path}");
        assert!(log.entries().iter().all(|entry| entry.authorization.is_none()));
    }
}

both_modes!(a_user_in_the_source_is_refused_and_not_shown);
async fn a_user_in_the_source_is_refused_and_not_shown() {
    let world = World::new();
    let source = world.url().replace("http://", &format!("http://me:{CANARY}@"));
    world.config_of(&source, "oci://localhost/x", &[("app", "")]);
    let done = world.mirror.call(["sync", "mirror.yaml"]).run().await;
    done.assert_code(1);
    assert!(done.stderr.contains("charts[0].source: must hold no user or password"), "{done}");
    assert!(!format!("{done}").contains(CANARY), "{done}");
    assert_eq!(world.repository.log().count(), 0);
}

both_modes!(a_redirect_to_another_host_is_followed_with_nothing);
async fn a_redirect_to_another_host_is_followed_with_nothing() {
    let world = World::of(&["1.0.0"], "");
    let elsewhere = ScriptedRegistry::plain();
    let rule = Rule::on(Kind::Other).target("/app.tgz*");
    elsewhere.script(rule, Fault::answer(Answer::status(200).body(chart("app", "1.0.0"))));
    let rule = Rule::on(Kind::Other).target("/charts/app-1.0.0.tgz");
    let to = format!("{}/app.tgz?X-Sig={CANARY}", elsewhere.url());
    world.repository.script(rule, Fault::redirect(302, &to));
    let done = world.sync(&["--verbose"]).await;
    assert_rows(done.assert_code(0), 0, &[("1.0.0", "copied")]);
    assert!(!format!("{done}").contains(CANARY), "{done}");
    elsewhere.log().assert_anonymous();
    assert_eq!(elsewhere.log().count(), 1);
}
