//! Hosts that somebody else sent us to: dialled no further in than where the sender stands.

use std::sync::Arc;
use std::time::Duration;

use mirror_tests::scripted::ScriptedRegistry;
use mirror_transport::{
    Budget, Host, HostOptions, Method, Options, Request, Scheme, Timing, Transport, TransportError,
};

fn transport() -> Transport {
    Transport::new(Options {
        insecure: false,
        user_agent: "test".to_owned(),
        timing: Timing::default(),
    })
}

/// Asks the host at `authority`, where `sender` sent us.
async fn ask(
    transport: &Transport,
    authority: &str,
    sender: &Arc<Host>,
) -> Result<u16, TransportError> {
    let sent_by = Some(Arc::clone(sender));
    let options = HostOptions { scheme: Scheme::Http, sent_by, ..HostOptions::default() };
    let host = transport.host_with(authority, options);
    let budget = Budget::new(Duration::from_secs(20));
    Ok(host.send(Request::new(Method::GET, "/v2/"), &budget).await?.status.as_u16())
}

#[tokio::test]
async fn a_host_is_dialled_no_further_in_than_its_sender() {
    let (server, transport) = (ScriptedRegistry::plain(), transport());
    let port = server.host().rsplit(':').next().unwrap().to_owned();
    let near = transport.host("127.0.0.1:1", None);
    assert!(near.is_placed());
    for name in ["127.0.0.1", "localhost"] {
        assert_eq!(ask(&transport, &format!("{name}:{port}"), &near).await.unwrap(), 200);
    }
    let far = transport.host("charts.example.org", None);
    assert!(!far.is_placed());
    for name in ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"] {
        let error = ask(&transport, &format!("{name}:{port}"), &far).await.unwrap_err();
        let TransportError::Forbidden { host, .. } = &error else { panic!("{error}") };
        assert_eq!(host, "charts.example.org");
    }
    let link_local = ask(&transport, "169.254.169.254", &near).await.unwrap_err();
    assert!(matches!(link_local, TransportError::Forbidden { .. }), "{link_local}");
    assert_eq!(server.log().count(), 2);
}

#[tokio::test]
async fn a_host_is_another_by_who_sent_us_there() {
    let transport = transport();
    let [one, two] = ["one.example.org", "two.example.org"].map(|name| transport.host(name, None));
    let sent_by = |sender: &Arc<Host>| HostOptions {
        scheme: Scheme::Https,
        sent_by: Some(Arc::clone(sender)),
        ..HostOptions::default()
    };
    let host = transport.host_with("a.example.org", sent_by(&one));
    assert!(Arc::ptr_eq(&host, &transport.host_with("a.example.org", sent_by(&one))));
    assert!(!Arc::ptr_eq(&host, &transport.host_with("a.example.org", sent_by(&two))));
    assert!(!Arc::ptr_eq(&host, &transport.host("a.example.org", None)));
}
