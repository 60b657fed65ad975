//! What the runner is asked, and what is made of its answers.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::*;
use crate::{WebAnswer, WebError, WebMethod};

/// A runner that answers with this status and body, and keeps what it was asked.
fn runner(status: u16, body: &str, asked: &Arc<Mutex<Vec<WebRequest>>>) -> Web {
    let (body, asked) = (body.to_owned(), Arc::clone(asked));
    Web::new(move |request| {
        asked.lock().unwrap().push(request);
        let body = Zeroizing::new(body.clone().into_bytes());
        Box::pin(std::future::ready(Ok(WebAnswer { status, headers: Vec::new(), body })))
    })
}

fn environment(name: &str) -> Option<String> {
    match name {
        URL => Some("https://runner.example/token?run=1".to_owned()),
        TOKEN => Some("hunter2".to_owned()),
        _ => None,
    }
}

async fn ask(web: Web) -> Result<Minted, ProviderError> {
    Actions::new(Forge::GitHub, &environment, web).token(&["a b&c".to_owned()]).await
}

#[tokio::test]
async fn the_runner_is_asked_for_the_audience_by_its_own_token() {
    let asked = Arc::default();
    let soon = SystemTime::now() + Duration::from_secs(600);
    let soon = soon.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let token = format!("h.{}.s", URL_SAFE_NO_PAD.encode(format!("{{\"exp\":{soon}}}")));
    let web = runner(200, &format!("{{\"count\":1,\"value\":\"{token}\"}}"), &asked);
    let minted = ask(web).await.unwrap();
    assert_eq!(minted.token.expose(), token);
    assert!((590..=600).contains(&minted.life.as_secs()), "{:?}", minted.life);
    let asked = asked.lock().unwrap();
    let [request] = &asked[..] else { panic!("one question") };
    assert_eq!(request.url, "https://runner.example/token?run=1&audience=a+b%26c");
    assert_eq!(request.headers[0].0, "authorization");
    assert_eq!(request.headers[0].1.expose(), "bearer hunter2");
    assert_eq!((request.method, request.body.is_none()), (WebMethod::Get, true));
}

#[track_caller]
fn check(result: Result<Minted, ProviderError>, expected: &str, may_pass: bool) {
    let Err(error) = result else { panic!("a token") };
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.may_pass(), may_pass, "{error}");
}

#[tokio::test]
async fn a_failure_says_what_was_asked_and_what_to_check() {
    let text = |reason: &str| {
        format!(
            "asking the runner for an ID token for a b&c: {reason}; check that the job has \
             `permissions: id-token: write`"
        )
    };
    for (status, may_pass) in [(401, false), (403, false), (429, true), (503, true)] {
        let web = runner(status, "hunter3", &Arc::default());
        check(ask(web).await, &text(&format!("it answered {status}")), may_pass);
    }
    for body in ["", "{}", "{\"value\":\"\"}", "hunter3"] {
        let web = runner(200, body, &Arc::default());
        check(ask(web).await, &text("its answer has no `value`"), false);
    }
    let dead = || WebError { reason: "cannot reach x".to_owned(), may_pass: true };
    let web = Web::new(move |_| Box::pin(std::future::ready(Err(dead()))));
    check(ask(web).await, &text("cannot reach x"), true);

    let outside = Actions::new(Forge::Forgejo, &|_| None, Web::none());
    let asked = outside.token(&["a".to_owned()]).await;
    let expected = "asking the runner for an ID token for a: ACTIONS_ID_TOKEN_REQUEST_URL is not set; \
                    check that the job has `enable-openid-connect: true`";
    check(asked, expected, false);
}
