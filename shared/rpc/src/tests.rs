//! Both sides against each other, over real sockets.

use std::error::Error as _;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use mirror_tests::pki::Pki;
use tokio::runtime::{Builder, Runtime};
use tonic::service::interceptor::InterceptedService;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::{
    ClientOptions, Dialer, Guard, Identity, LEADER_TRAILER, RpcError, ServerOptions, not_leading,
};

/// What a server does with a call that its guard let through.
#[derive(Clone)]
enum Answer {
    /// Serves it.
    Health,
    /// Says who called, as an error of its own kind.
    Caller,
    /// Names another.
    Leader(String),
}

/// A coordinator with nothing but its health.
struct Served {
    address: SocketAddr,
    /// Its own: connections outlive the task that accepted them, and go with their runtime alone.
    runtime: Option<Runtime>,
}

impl Served {
    async fn start(answer: Answer, options: impl FnOnce(&mut ServerOptions)) -> Self {
        let mut given = ServerOptions {
            listen: "127.0.0.1:0".parse().unwrap(),
            certificate: None,
            client_ca: None,
            token: None,
            plaintext: false,
        };
        options(&mut given);
        let guard = Guard::new(given).unwrap();
        let listener = guard.bind().await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_reporter, health) = tonic_health::server::health_reporter();
        let health = InterceptedService::new(health, move |request: Request<()>| match &answer {
            Answer::Health => Ok(request),
            Answer::Caller => {
                let caller = request.extensions().get::<Identity>().expect("the guard's word");
                Err(Status::already_exists(caller.to_string()))
            }
            Answer::Leader(url) => Err(not_leading(Some(url))),
        });
        let health = InterceptedService::new(health, guard.clone());
        let server = guard.server().unwrap().add_service(health);
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = listener.into_std().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            server.serve_with_incoming(Guard::incoming(listener)).await.unwrap();
        });
        Self { address, runtime: Some(runtime) }
    }

    fn http(&self) -> String {
        format!("http://{}", self.address)
    }

    fn https(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What came of a call.
#[derive(Debug)]
enum Failed {
    Dial(RpcError),
    Call(Status),
}

fn dialer(urls: &[String], options: impl FnOnce(&mut ClientOptions)) -> Dialer {
    let mut given = ClientOptions { coordinators: urls.to_vec(), ..ClientOptions::default() };
    options(&mut given);
    Dialer::new(given).unwrap()
}

async fn ask(dialer: &Dialer) -> Result<(), Failed> {
    let channel = dialer.channel().await.map_err(Failed::Dial)?;
    let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
    answer.map(drop).map_err(Failed::Call)
}

/// The code that a server answered with, if it answered with an error.
fn code(answer: Result<(), Failed>) -> Option<Code> {
    match answer {
        Err(Failed::Call(status)) => Some(status.code()),
        Ok(()) | Err(Failed::Dial(_)) => None,
    }
}

/// Who the server says called.
async fn caller(dialer: &Dialer) -> String {
    match ask(dialer).await.unwrap_err() {
        Failed::Call(status) if status.code() == Code::AlreadyExists => status.message().to_owned(),
        other @ (Failed::Call(_) | Failed::Dial(_)) => panic!("{other:?}"),
    }
}

/// Why nobody speaks to us, and that trying again does not help.
async fn refusal(dialer: &Dialer) -> String {
    match ask(dialer).await.unwrap_err() {
        Failed::Dial(error) => {
            assert!(!error.is_temporary(), "{error}");
            error.source().map_or_else(|| error.to_string(), ToString::to_string)
        }
        Failed::Call(status) => {
            let refusal = dialer.refusal(&status);
            let refusal = refusal.unwrap_or_else(|| panic!("no reason in {status:?}"));
            assert!(!dialer.learn(&status), "{status:?}");
            refusal.to_string()
        }
    }
}

fn file(pki: &Pki, name: &str, content: &str) -> PathBuf {
    let path = pki.folder().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// An address where nobody listens.
fn dead() -> String {
    format!("http://{}", mirror_tests::ports::free())
}

#[tokio::test]
async fn a_client_is_known_by_its_certificate() {
    let pki = Pki::new();
    let server = Served::start(Answer::Caller, |options| {
        options.certificate = Some(pki.server());
        options.client_ca = Some(pki.ca());
    })
    .await;
    let urls = [server.https()];
    let known = dialer(&urls, |options| {
        options.ca = Some(pki.ca());
        options.certificate = Some(pki.client());
    });
    assert_eq!(caller(&known).await, "client.test");

    let nameless = dialer(&urls, |options| options.ca = Some(pki.ca()));
    let refused = refusal(&nameless).await;
    assert!(
        refused.ends_with("it asks for a client certificate, give one and its key"),
        "{refused}"
    );

    let foreign = dialer(&urls, |options| {
        options.ca = Some(pki.ca());
        options.certificate = Some(pki.other_client());
    });
    let refused = refusal(&foreign).await;
    assert!(refused.contains("it does not accept the client certificate"), "{refused}");
}

#[tokio::test]
async fn a_server_is_known_by_its_certificate() {
    let pki = Pki::new();
    let with_tls = |options: &mut ServerOptions| options.certificate = Some(pki.server());
    let server = Served::start(Answer::Caller, with_tls).await;
    let trusting = dialer(&[server.https()], |options| options.ca = Some(pki.ca()));
    assert_eq!(caller(&trusting).await, "");
    let by_address = format!("https://{}", server.address);
    let trusting = dialer(&[by_address], |options| options.ca = Some(pki.ca()));
    assert_eq!(caller(&trusting).await, "");

    let doubting = dialer(&[server.https()], |options| options.ca = Some(pki.foreign_ca()));
    let refused = refusal(&doubting).await;
    assert!(refused.starts_with(&server.https()), "{refused}");
    assert!(refused.ends_with("give that authority's certificate"), "{refused}");
    // The system's authorities do not know it either.
    assert!(refusal(&dialer(&[server.https()], |_| ())).await.contains("is not trusted"));

    let plain = Served::start(Answer::Health, |_| ()).await;
    let mistaken = dialer(&[plain.https()], |options| options.ca = Some(pki.ca()));
    let refused = refusal(&mistaken).await;
    assert!(refused.ends_with("it does not speak TLS, use http or give it TLS"), "{refused}");
    let refused = refusal(&dialer(&[server.http()], |_| ())).await;
    assert!(refused.ends_with("it does not speak plaintext, use https"), "{refused}");

    for protocols in [Vec::new(), vec![b"http/1.1".to_vec()]] {
        let other = dialer(&[web(&pki, protocols)], |options| options.ca = Some(pki.ca()));
        let refused = refusal(&other).await;
        assert!(refused.contains(": it does not offer HTTP/2, name a coordinator"), "{refused}");
    }
}

/// Starts a server with TLS and such protocols over it, which goes once somebody was there; returns its URL.
fn web(pki: &Pki, protocols: Vec<Vec<u8>>) -> String {
    let web = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", web.local_addr().unwrap());
    let mut config = (*pki.server_config(false)).clone();
    config.alpn_protocols = protocols;
    std::thread::spawn(move || {
        let mut tls = rustls::ServerConnection::new(config.into()).unwrap();
        let _whatever = tls.complete_io(&mut web.accept().unwrap().0);
    });
    url
}

#[tokio::test]
async fn who_is_refused_by_one_goes_on_to_the_next() {
    let (pki, other) = (Pki::new(), Pki::new());
    let serve = async |client_ca| {
        Served::start(Answer::Caller, |options| {
            options.certificate = Some(pki.server());
            options.client_ca = Some(client_ca);
        })
        .await
    };
    let (strict, lenient) = (serve(other.ca()).await, serve(pki.ca()).await);
    let options = |options: &mut ClientOptions| {
        options.ca = Some(pki.ca());
        options.certificate = Some(pki.client());
    };
    let both = dialer(&[strict.https(), lenient.https()], options);
    for _ in 0..2 {
        let Failed::Call(refused) = ask(&both).await.unwrap_err() else { panic!("it is there") };
        let reason = both.refusal(&refused).unwrap().to_string();
        assert!(reason.contains(&strict.https()), "{reason}");
        assert!(both.learn(&refused));
        assert_eq!(caller(&both).await, "client.test");
        both.answered();
        both.learn(&Status::unavailable("it leads no more"));
    }

    let stricter = serve(other.ca()).await;
    let neither = dialer(&[strict.https(), stricter.https()], options);
    let Failed::Call(refused) = ask(&neither).await.unwrap_err() else { panic!("it is there") };
    assert!(neither.learn(&refused));
    let reason = refusal(&neither).await;
    assert!(reason.contains("it does not accept the client certificate"), "{reason}");
}

#[tokio::test]
async fn a_token_is_asked_for_and_may_change() {
    let pki = Pki::new();
    let (accepted, sent) = (file(&pki, "accepted", "first\n"), file(&pki, "sent", " first "));
    let server = Served::start(Answer::Caller, |options| {
        options.certificate = Some(pki.server());
        options.token = Some(accepted.clone());
    })
    .await;
    let with_token = dialer(&[server.https()], |options| {
        options.ca = Some(pki.ca());
        options.token = Some(sent.clone());
    });
    assert_eq!(caller(&with_token).await, "token");

    let without = dialer(&[server.https()], |options| options.ca = Some(pki.ca()));
    let refused = refusal(&without).await;
    assert!(refused.ends_with("it asks for a bearer token, give a token file"), "{refused}");

    std::fs::write(&sent, "wrong").unwrap();
    let refused = refusal(&with_token).await;
    assert!(refused.ends_with(&format!("the token in {} is not accepted", sent.display())));
    assert!(!refused.contains("wrong"), "{refused}");

    // Both are accepted for a while, then the first is not; the server looks once a second.
    std::fs::write(&accepted, "second\nfirst\n").unwrap();
    std::fs::write(&sent, "second").unwrap();
    until(|| async { code(ask(&with_token).await) == Some(Code::AlreadyExists) }).await;
    std::fs::write(&sent, "first").unwrap();
    assert_eq!(caller(&with_token).await, "token");
    std::fs::write(&accepted, "second").unwrap();
    until(|| async { code(ask(&with_token).await) == Some(Code::Unauthenticated) }).await;
    assert!(!format!("{with_token:?}").contains("first"));

    std::fs::write(&sent, "").unwrap();
    assert!(matches!(ask(&with_token).await, Err(Failed::Dial(RpcError::Token { .. }))));
}

#[tokio::test]
async fn a_channel_sends_the_token_of_now() {
    let pki = Pki::new();
    let (accepted, sent) = (file(&pki, "accepted", "second"), file(&pki, "sent", "first"));
    let server = Served::start(Answer::Health, |options| options.token = Some(accepted)).await;
    let dialer = dialer(&[server.http()], |options| options.token = Some(sent.clone()));
    let channel = dialer.channel().await.unwrap();
    assert!(format!("{channel:?}").len() < 1000 && !format!("{channel:?}").contains("first"));
    let mut client = HealthClient::new(channel);
    assert!(client.check(HealthCheckRequest::default()).await.is_err());
    std::fs::write(&sent, "second").unwrap();
    for _ in 0..100 {
        if client.check(HealthCheckRequest::default()).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the new token never went out");
}

#[tokio::test]
async fn the_leader_that_is_named_is_followed() {
    let leader = Served::start(Answer::Health, |_| ()).await;
    let standby = Served::start(Answer::Leader(leader.http()), |_| ()).await;
    let dialer = dialer(&[standby.http()], |_| ());
    let Err(Failed::Call(status)) = ask(&dialer).await else { panic!("a standby answers nobody") };
    assert_eq!(status.code(), Code::Unavailable);
    assert!(dialer.learn(&status));
    assert_eq!(dialer.target(), leader.http());
    ask(&dialer).await.unwrap();

    drop(leader);
    // The leader is gone: whoever named it is asked again.
    let named = |status: &Status| status.metadata().contains_key(LEADER_TRAILER);
    until(|| async { matches!(ask(&dialer).await, Err(Failed::Call(status)) if named(&status)) })
        .await;
    assert_eq!(dialer.target(), standby.http());
}

#[tokio::test]
async fn a_leader_that_would_hear_a_token_in_plaintext_is_not_followed() {
    let pki = Pki::new();
    let token = file(&pki, "token", "abc");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let plain = format!("http://{}", listener.local_addr().unwrap());
    for hint in [plain.as_str(), "http://mirror.test", "ftp://mirror.test", "junk"] {
        let standby = Served::start(Answer::Leader(hint.to_owned()), |options| {
            options.certificate = Some(pki.server());
            options.token = Some(token.clone());
        })
        .await;
        let dialer = dialer(&[standby.https()], |options| {
            options.ca = Some(pki.ca());
            options.token = Some(token.clone());
        });
        for _ in 0..2 {
            let Err(Failed::Call(status)) = ask(&dialer).await else { panic!("{hint}") };
            assert!(dialer.learn(&status), "{hint}");
            assert_eq!(dialer.target(), standby.https(), "{hint}");
        }
    }
    assert!(listener.accept().is_err(), "somebody called in plaintext");
}

#[tokio::test]
async fn addresses_are_tried_in_turn() {
    let (first, second) = (dead(), dead());
    let lost = dialer(&[first.clone(), second.clone()], |_| ());
    let Err(Failed::Dial(error)) = ask(&lost).await else { panic!("nobody is there") };
    assert!(error.is_temporary());
    let expected = format!("no coordinator can be reached at {first}, {second}");
    assert_eq!(error.to_string(), expected);
    let cause = error.source().unwrap().to_string();
    assert!(cause.starts_with(&format!("{first}: ")), "{cause}");
    assert!(cause.contains(&format!("; {second}: ")), "{cause}");
    assert_eq!(lost.target(), second);

    let server = Served::start(Answer::Health, |_| ()).await;
    let found = dialer(&[first, server.http()], |_| ());
    ask(&found).await.unwrap();
    assert_eq!(found.target(), server.http());
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again_and_an_answer_is_not() {
    let server = Served::start(Answer::Caller, |_| ()).await;
    let dialer = dialer(&[server.http(), dead()], |_| ());
    let mut client = HealthClient::new(dialer.channel().await.unwrap());
    let answered = client.check(HealthCheckRequest::default()).await.unwrap_err();
    assert!(!dialer.learn(&answered));
    assert_eq!(dialer.target(), server.http());
    drop(server);
    for _ in 0..100 {
        let status = client.check(HealthCheckRequest::default()).await.unwrap_err();
        if status.code() != Code::AlreadyExists {
            assert!(dialer.refusal(&status).is_none());
            assert!(dialer.learn(&status), "{status:?}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the server never went");
}

/// Waits until it is so, for ten seconds at most.
async fn until<F: Future<Output = bool>>(so: impl Fn() -> F) {
    for _ in 0..100 {
        if so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it never became so");
}
