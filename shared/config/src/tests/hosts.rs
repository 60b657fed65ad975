//! Hosts of both versions.

use mirror_credentials::{
    CredentialSource, HostCredential, HostLogin, Secret, TokenProvider, TokenSource,
};

use super::*;

fn host(version: &str, fields: &str) -> Host {
    let folder = Folder::new();
    let text = format!("{version}{ARTIFACT}hosts:\n- {fields}\n");
    folder.load(&text).map_err(|errors| errors.to_string()).unwrap().hosts.remove(0)
}

fn credential(version: &str, fields: &str) -> HostCredential {
    match host(version, fields).login {
        Some(HostLogin::Credential(credential)) => credential,
        Some(HostLogin::Cloud(_)) | None => panic!("a credential"),
    }
}

/// What is given as it is.
fn given(credential: &HostCredential) -> &CredentialSource {
    match &credential.source {
        TokenSource::Given(source) => source,
        TokenSource::Signed(_) | TokenSource::Issued { .. } => panic!("a value or a file"),
    }
}

#[track_caller]
fn check_shown(version: &str, fields: &str, expected: &str) {
    let folder = Folder::new();
    let shown = format!("{:?}", host(version, fields));
    let _ = folder;
    assert!(shown.contains(expected), "{fields}\n{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn given_credentials() {
    let named = "{host: GHCR.io, username: me, credential: {value: '${GH_TOKEN}'}}";
    let basic = host(V1, named);
    assert_eq!(basic.host.as_str(), "ghcr.io");
    assert!(basic.tls.is_none() && basic.max_chunk_bytes.is_none());
    let basic = credential(V1, named);
    assert_eq!(basic.username.as_deref(), Some("me"));
    let CredentialSource::Value(secret) = given(&basic) else { panic!("a value") };
    assert_eq!(Secret::expose(secret), "hunter2");

    let file = "{host: a.org, credential: {fromPath: projected}, maxChunkSize: 512}";
    let bearer = credential(V1, file);
    assert_eq!(bearer.username, None);
    let CredentialSource::File(read) = given(&bearer) else { panic!("a file") };
    assert_eq!(read.path(), "projected");
    assert_eq!(host(V1, file).max_chunk_bytes.map(std::num::NonZero::get), Some(512 * 1024));

    let second = credential(V2, "{host: a.org, credential: {type: jwt, username: me, value: x}}");
    assert_eq!(second.username.as_deref(), Some("me"));
    assert!(second.envelope.is_none());
    let envelope = "{host: a.org, credential: {type: jwt, value: x, envelope: 'e {{ .Token }}'}}";
    assert!(credential(V2, envelope).envelope.is_some());
    let empty = credential(V1, "{host: a.org, username: '', credential: {value: 1e3}}");
    assert_eq!(empty.username, None);
    let CredentialSource::Value(secret) = given(&empty) else { panic!("a value") };
    assert_eq!(secret.expose(), "1e3");
}

#[test]
fn tokens() {
    let signed = "Signed(SignedToken { key: File(";
    check_shown(V1, "{host: a.org, credential: {jwkPath: jwk.json, iss: i, sub: s}}", signed);
    check_shown(
        V1,
        "{host: a.org, credential: {jwkValue: '${JWK}', iss: i, sub: s, aud: a, exp: 5m}}",
        "Signed(SignedToken { key: Value(Secret(…)), issuer: \"i\", subject: \"s\", audiences: [\"a\"], \
         lifetime: Some(300s) })",
    );
    check_shown(
        V2,
        "{host: a.org:5000, credential: {type: jwt, jwkValue: '${JWK}', issuer: i, subject: s}}",
        "issuer: \"i\", subject: \"s\", audiences: [\"a.org:5000\"], lifetime: None })",
    );
    check_shown(
        V2,
        "{host: a.org, credential: {type: jwt, jwkValue: '${JWK}', issuer: i, subject: s, \
         audiences: [a, b], expiration: 90s}}",
        "audiences: [\"a\", \"b\"], lifetime: Some(90s) })",
    );
    for (word, provider) in [
        ("github", TokenProvider::GitHub),
        ("forgejo", TokenProvider::Forgejo),
        ("gcp", TokenProvider::Gcp),
        ("azure", TokenProvider::Azure),
        ("aws", TokenProvider::Aws),
        ("jwt-svid", TokenProvider::Spiffe),
    ] {
        let fields = format!("{{host: index.docker.io, credential: {{provider: {word}}}}}");
        let TokenSource::Issued { provider: read, audiences } = credential(V1, &fields).source
        else {
            panic!("a provider")
        };
        assert_eq!((read, &audiences[..]), (provider, &["docker.io".to_owned()][..]));
        assert_eq!(provider.to_string(), word);
    }
    let spiffe =
        credential(V2, "{host: a.org, credential: {type: jwt, provider: spiffe, audiences: [x]}}");
    let TokenSource::Issued { provider: TokenProvider::Spiffe, audiences } = spiffe.source else {
        panic!("a provider")
    };
    assert_eq!(audiences, ["x"]);
}

#[test]
fn clouds() {
    check_shown(V1, "{host: gcr.io, provider: gar}", "Cloud(Gar)");
    check_shown(V1, "{host: x.azurecr.io, provider: acr, maxChunkSize: 1}", "Cloud(Acr)");
    check_shown(V1, "{host: public.ecr.aws, provider: ecr}", "Cloud(Ecr)");
    let generic = host(V2, "{host: a.org, provider: generic}");
    assert!(generic.login.is_none());
    let both = "{host: a.org, provider: generic, credential: {type: jwt, value: x}, \
                tls: {serverAuth: {value: '${CA}'}}}";
    let both = host(V2, both);
    assert!(both.login.is_some() && both.tls.is_some());
}

#[test]
fn tls() {
    let tls = |version: &str, tls: &str, expected: &str| {
        check_shown(version, &format!("{{host: a.org, tls: {tls}}}"), expected);
    };
    let authorities = "server: Some(Authorities(Authorities(1)))";
    tls(V1, "{serverAuth: {fromPath: ca.pem}}", authorities);
    tls(V1, "{serverAuth: {value: '${CA}'}}", authorities);
    let spiffe = |field: &str| format!("{{serverAuth: {{spiffe: {{{field}}}}}}}");
    tls(V1, &spiffe("serverID: spiffe://a.org/x"), "Spiffe(Id(\"spiffe://a.org/x\"))");
    tls(V1, &spiffe("trustDomain: a.org"), "Spiffe(TrustDomain(\"a.org\"))");
    tls(V1, &spiffe("trustDomain: self"), "Spiffe(OwnTrustDomain)");
    tls(V1, &spiffe("authorizeAny: true"), "Spiffe(Any)");
    tls(V1, &spiffe("authorizeAny: false, trustDomain: self"), "Spiffe(OwnTrustDomain)");
    tls(
        V2,
        "{serverAuth: {provider: spiffe, spiffe: {trustDomain: self}}, clientAuth: {provider: spiffe}}",
        "Tls { server: Some(Spiffe(OwnTrustDomain)), client: Some(Spiffe) }",
    );
    tls(V1, "{clientAuth: {provider: x509-svid}}", "Tls { server: None, client: Some(Spiffe) }");
    tls(
        V1,
        "{clientAuth: {certificate: {fromPath: client.pem}, key: {value: '${CLIENT_KEY}'}}}",
        "client: Some(Certificate(Identity(…)))",
    );
    tls(
        V2,
        "{clientAuth: {certificate: {fromPath: client.pem}, key: {fromPath: client.key}}}",
        "client: Some(Certificate(Identity(…)))",
    );
}
