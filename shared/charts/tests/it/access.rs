//! Who is shown where: by Helm's repositories.yaml, and what is said where that is not enough.

use mirror_tests::chart::{chart, digest, index};
use mirror_tests::scripted::{Fault, Kind, Rule};

use super::*;

/// `me:hunter2`.
const BASIC: &str = "Basic bWU6aHVudGVyMg==";
const USER: &str = "username: me, password: hunter2";

/// Reads an index and then fetches an archive from `url`; returns who was shown to each.
async fn shown(bench: &Bench, url: &str) -> Vec<Option<String>> {
    let archive = chart("app", "1.0.0");
    bench.serve_bytes("index.yaml", index("app", &[("1.0.0", url, &digest(&archive))]));
    bench.serve_bytes("app.tgz", archive);
    let found = bench.index().await.unwrap();
    let version = &found.require("app").unwrap()[0];
    let urls: Vec<&str> = version.urls.iter().map(String::as_str).collect();
    bench.pack(&bench.chart(&urls, version.digest)).await.unwrap();
    bench.shown()
}

fn basic() -> String {
    BASIC.to_owned()
}

#[tokio::test]
async fn a_user_goes_to_the_repository_and_to_its_own_archives() {
    let bench = Bench::new();
    bench.helm_knows(USER);
    assert_eq!(shown(&bench, "app.tgz").await, [Some(basic()), Some(basic())]);
    let bench = Bench::new();
    bench.helm_knows(USER);
    let absolute = format!("{}/app.tgz", bench.url());
    assert_eq!(shown(&bench, &absolute).await, [Some(basic()), Some(basic())]);
    let bench = Bench::new();
    assert_eq!(shown(&bench, "app.tgz").await, [None, None], "nobody knows of the repository");
}

#[tokio::test]
async fn a_user_goes_elsewhere_only_where_helm_says_so() {
    for (fields, expected) in [
        (USER.to_owned(), None),
        (format!("{USER}, pass_credentials_all: false"), None),
        (format!("{USER}, pass_credentials_all: true"), Some(basic())),
    ] {
        let bench = Bench::new();
        bench.helm_knows(&fields);
        let elsewhere = format!("{}/charts/app.tgz", bench.server.other_url());
        assert_eq!(shown(&bench, &elsewhere).await, [Some(basic()), expected], "{fields}");
    }
}

#[tokio::test]
async fn a_user_goes_across_no_redirect() {
    for url in ["app.tgz", "elsewhere"] {
        let bench = Bench::new();
        bench.helm_knows(&format!("{USER}, pass_credentials_all: true"));
        let there = bench.server.other_url();
        let url = if url == "elsewhere" {
            format!("{there}/charts/sent-on.tgz")
        } else {
            "sent-on.tgz".to_owned()
        };
        // From the other host it leads to the first, which is not its own.
        let target = |own: bool| {
            if own {
                format!("{}/charts/app.tgz", bench.server.url())
            } else {
                format!("{there}/charts/app.tgz")
            }
        };
        let is_elsewhere = url.starts_with("http");
        let rule = Rule::on(Kind::Other).target("/charts/sent-on.tgz");
        bench.server.script(rule, Fault::redirect(302, &target(is_elsewhere)));
        assert_eq!(shown(&bench, &url).await, [Some(basic()), Some(basic()), None], "{url}");
    }
}

#[tokio::test]
async fn users_in_urls_of_an_index_are_left_out() {
    let bench = Bench::new();
    let with_user = bench.server.other_url().replace("http://", "http://you:hunter2@");
    assert_eq!(shown(&bench, &format!("{with_user}/charts/app.tgz")).await, [None, None]);
}

#[tokio::test]
async fn a_login_is_seen_while_a_run_goes_on() {
    let bench = Bench::new();
    bench.serve_bytes("index.yaml", "entries: {}");
    bench.index().await.unwrap();
    bench.helm_knows(USER);
    bench.index().await.unwrap();
    bench.helm_knows("username: me, password: other");
    bench.index().await.unwrap();
    assert_eq!(bench.shown(), [None, Some(basic()), Some("Basic bWU6b3RoZXI=".to_owned())]);
}

#[tokio::test]
async fn where_a_user_comes_from_is_told_once() {
    let bench = Bench::new();
    bench.serve_bytes("index.yaml", "entries: {}");
    let path = bench.folder.path().join("repositories.yaml");
    let entry = format!("repository `private` in {}", path.display());
    let mut expected = Vec::new();
    for (fields, source) in [
        ("", "none, anonymous".to_owned()),
        (USER, entry.clone()),
        ("username: me", format!("{entry}, without a user")),
    ] {
        if !fields.is_empty() {
            bench.helm_knows(fields);
        }
        expected.push(Notice::Credential { host: bench.server.host(), source });
        for _ in 0..2 {
            bench.index().await.unwrap();
            assert_eq!(*bench.told.lock().unwrap(), expected);
        }
    }
}

/// What is said of a refusal, with Helm's file as `PATH`.
async fn refusal(bench: &Bench, url: &str) -> String {
    let error = match url {
        "index" => bench.index().await.unwrap_err(),
        url => bench.pack(&bench.chart(&[url], None)).await.unwrap_err(),
    };
    assert_eq!(error.retry(), Retry::Never);
    let path = bench.folder.path().join("repositories.yaml").display().to_string();
    let shown = text(&error);
    assert!(!shown.contains("hunter2"), "{shown}");
    shown
        .replace(&path, "PATH")
        .replace(&bench.server.host(), "HOST")
        .replace(&bench.server.other_host(), "OTHER")
}

#[tokio::test]
async fn a_refusal_says_who_was_shown_and_what_to_do() {
    let bench = Bench::new();
    bench.server.script(Rule::on(Kind::Other).target("/charts/index.yaml"), Fault::status(401));
    bench.server.script(Rule::on(Kind::Other).target("/charts/app.tgz"), Fault::status(403));
    let elsewhere = format!("{}/charts/app.tgz", bench.server.other_url());
    let sent_on = Rule::on(Kind::Other).target("/charts/sent-on.tgz");
    bench.server.script(sent_on, Fault::redirect(302, &elsewhere));

    let index = "http://HOST/charts/index.yaml answered 401: ";
    let said = refusal(&bench, "index").await;
    assert_eq!(said, format!("{index}there is no PATH to find a user in; helm repo add makes it"));
    std::fs::write(bench.folder.path().join("repositories.yaml"), "repositories: []").unwrap();
    let said = refusal(&bench, "index").await;
    assert_eq!(
        said,
        format!(
            "{index}no repository of PATH has the URL http://HOST/charts; helm repo add adds it"
        )
    );
    bench.helm_knows("username: me");
    let said = refusal(&bench, "index").await;
    assert!(
        said.starts_with(&format!("{index}repository `private` has no username with a password")),
        "{said}"
    );
    bench.helm_knows(USER);
    let said = refusal(&bench, "index").await;
    assert!(
        said.starts_with(&format!("{index}the user of repository `private` was shown")),
        "{said}"
    );
    let said = refusal(&bench, "app.tgz").await;
    assert!(
        said.starts_with(
            "http://HOST/charts/app.tgz answered 403: the user of repository `private`"
        ),
        "{said}"
    );
    let said = refusal(&bench, &elsewhere).await;
    assert!(said.starts_with("http://OTHER/charts/app.tgz answered 403: the user of repository `private` is for http://HOST/charts alone"), "{said}");
    let said = refusal(&bench, "sent-on.tgz").await;
    assert_eq!(
        said,
        "http://HOST/charts/sent-on.tgz was redirected to OTHER, which answered 403: credentials of \
         http://HOST/charts go across no redirect to another host"
    );
}

#[tokio::test]
async fn a_refusal_says_where_helm_would_look() {
    let server = ScriptedRegistry::plain();
    server.script(Rule::on(Kind::Other), Fault::status(401));
    let repositories = RepositoriesFile::from_environment(&|_| None);
    let charts = Charts::new(ChartsOptions {
        transport: transport(),
        repositories,
        notices: Arc::new(|_| ()),
    });
    let error = charts.index(&server.url(), &wanted(&[]), &budget()).await.unwrap_err();
    assert!(
        text(&error).ends_with("HELM_REPOSITORY_CONFIG and HOME are not set"),
        "{}",
        text(&error)
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_understood_is_an_error() {
    let bench = Bench::new();
    bench.serve_bytes("index.yaml", "entries: {}");
    let path = bench.helm_knows("password: [hunter2]");
    let error = bench.index().await.unwrap_err();
    let expected = format!("`repositories[0].password` of {} is a list, not text", path.display());
    assert_eq!(text(&error), expected);
    assert_eq!(bench.asked(), [""; 0], "nobody is asked anonymously instead");
}
