//! Every validation of hosts, with the message it gives.

use super::violations::check_text;
use super::*;

/// One host with these fields.
#[track_caller]
fn host(fields: &str, expected: &[&str]) {
    check_text(&format!("{V1}{ARTIFACT}hosts:\n- {{{fields}}}\n"), expected);
}

/// One host of v1beta2 with these fields.
#[track_caller]
fn host_v1beta2(fields: &str, expected: &[&str]) {
    check_text(&format!("{V2}{ARTIFACT}hosts:\n- {{{fields}}}\n"), expected);
}

#[test]
fn hosts() {
    host("credential: {value: x}", &["hosts[0].host: is required"]);
    host(
        "host: 'https://a.org', credential: {value: x}",
        &["hosts[0].host: `https://a.org` is no registry host: a host name or address with an \
           optional port, without scheme or path"],
    );
    host(
        "host: a.org/x, credential: {value: x}",
        &["hosts[0].host: `a.org/x` is no registry host: a host name or address with an optional \
           port, without scheme or path"],
    );
    host("host: a.org", &["hosts[0]: needs credential, provider, tls or maxChunkSize"]);
    host(
        "host: a.org, maxChunkSize: 0",
        &["hosts[0]: needs credential, provider, tls or maxChunkSize"],
    );
    host("host: a.org, maxChunkSize: -1", &["hosts[0].maxChunkSize: must not be negative"]);
    host(
        "host: a.org, maxChunkSize: 9223372036854775807",
        &["hosts[0].maxChunkSize: is too large"],
    );
    host("host: a.org, username: x, maxChunkSize: 1", &["hosts[0].username: needs a credential"]);
    host(
        "host: gcr.io, credential: {value: x}, provider: gar",
        &["hosts[0]: credential and provider exclude each other"],
    );
    host(
        "host: gcr.io, provider: gar, tls: {serverAuth: {fromPath: ca.pem}}",
        &["hosts[0]: provider and tls exclude each other"],
    );
    host("host: a.org, provider: quay", &["hosts[0].provider: is none of ecr, acr, gar"]);
    host("host: a.org, provider: generic", &["hosts[0].provider: is none of ecr, acr, gar"]);
    host(
        "host: ghcr.io, provider: ecr",
        &["hosts[0].provider: `ghcr.io` is no host of ecr, those are \
           <account>.dkr.ecr.<region>.amazonaws.com, <account>.dkr-ecr.<region>.on.aws, those with -fips and \
           of AWS's other partitions, and public.ecr.aws"],
    );
    host(
        "host: ghcr.io, provider: acr",
        &[
            "hosts[0].provider: `ghcr.io` is no host of acr, those are <registry>.azurecr.io, .azurecr.cn and \
           .azurecr.us",
        ],
    );
    host(
        "host: ghcr.io, provider: gar",
        &["hosts[0].provider: `ghcr.io` is no host of gar, those are <region>-docker.pkg.dev, \
           gcr.io and <region>.gcr.io"],
    );
    check_text(
        &format!(
            "{V1}{ARTIFACT}hosts:\n- {{host: docker.io, maxChunkSize: 1}}\n\
             - {{host: a.org, maxChunkSize: 1}}\n- {{host: index.docker.io, maxChunkSize: 1}}\n\
             - {{host: registry-1.docker.io, maxChunkSize: 1}}\n- {{host: A.org, maxChunkSize: 1}}\n"
        ),
        &[
            "hosts[2].host: `docker.io` is the host of hosts[0] too",
            "hosts[3].host: `docker.io` is the host of hosts[0] too",
            "hosts[4].host: `a.org` is the host of hosts[1] too",
        ],
    );
}

#[test]
fn credentials() {
    let with = |fields: &str, expected: &[&str]| {
        host(&format!("host: a.org, credential: {{{fields}}}"), expected);
    };
    let one = "hosts[0].credential: exactly one of provider, value, fromPath, jwkPath, jwkValue is \
               required";
    with("", &[one]);
    let empty = "hosts[0].credential.value: is empty: is the variable set that it stands for?";
    with("value: ''", &[empty]);
    with("value: '${EMPTY}'", &[empty]);
    with("value: '', fromPath: ''", &[empty]);
    let unfit = "hosts[0].credential.value: holds a line break, or what else no header can carry";
    with("value: \"a\\nb\"", &[unfit]);
    with("value: \"a\\n\"", &[unfit]);
    with(
        "value: x, fromPath: token",
        &["hosts[0].credential: value and fromPath exclude each other"],
    );
    with(
        "provider: aws, jwkPath: jwk.json, jwkValue: x",
        &["hosts[0].credential: provider and jwkPath and jwkValue exclude each other"],
    );
    with(
        "provider: ecr",
        &["hosts[0].credential.provider: is none of github, forgejo, gcp, azure, aws, jwt-svid"],
    );
    with(
        "jwkValue: '${JWK}'",
        &[
            "hosts[0].credential.iss: is required with a JWK",
            "hosts[0].credential.sub: is required with a JWK",
        ],
    );
    for exp in ["0s", "-5s"] {
        with(
            &format!("jwkPath: jwk.json, iss: i, sub: s, exp: {exp}"),
            &["hosts[0].credential.exp: must be greater than 0"],
        );
    }
    with(
        "jwkValue: '${JWK}', iss: i, sub: s, exp: 60",
        &[
            "hosts[0].credential.exp: `60` is no duration: numbers with a unit of ns, us, ms, s, m or \
           h, as in 1h30m or 1.5s",
        ],
    );
    with(
        "provider: aws, iss: i, sub: s, aud: a, exp: 60s",
        &[
            "hosts[0].credential.iss: does not go with provider",
            "hosts[0].credential.sub: does not go with provider",
            "hosts[0].credential.exp: does not go with provider",
        ],
    );
    for source in ["value: x", "fromPath: token"] {
        with(
            &format!("{source}, iss: i, sub: s, aud: a, exp: 60s"),
            &[
                "hosts[0].credential.iss: does not go with value and fromPath",
                "hosts[0].credential.sub: does not go with value and fromPath",
                "hosts[0].credential.exp: does not go with value and fromPath",
                "hosts[0].credential.aud: does not go with value and fromPath",
            ],
        );
    }
    let path = |file: &str, expected: &str| {
        let line = format!("hosts[0].credential.fromPath: {expected}");
        with(&format!("fromPath: {file}"), &[&line]);
    };
    path("missing", "cannot read file `missing`: No such file or directory (os error 2)");
    path("folder", "path `folder` is not a regular file");
    path("../x", "path `../x` leaves the config's folder DIR by ..");
    path(
        "/etc/hostname",
        "path `/etc/hostname` is absolute, but must be relative to the config's folder DIR",
    );
    path("link", "path `link` leaves the config's folder DIR by a symbolic link");
    with(
        "jwkPath: ../x, iss: i, sub: s",
        &["hosts[0].credential.jwkPath: path `../x` leaves the config's folder DIR by .."],
    );
    with(
        "jwkPath: token, iss: i, sub: s",
        &["hosts[0].credential.jwkPath: it is no JWK, nor a set of one"],
    );
    with(
        "jwkValue: '{\"kty\": \"oct\", \"k\": \"hunter2\"}', iss: i, sub: s",
        &[
            "hosts[0].credential.jwkValue: it is a key of another kind than Ed25519, P-256, P-384 and \
           P-521",
        ],
    );
}

#[test]
fn tls() {
    let with = |fields: &str, expected: &[&str]| {
        host(&format!("host: a.org, tls: {{{fields}}}"), expected);
    };
    with("", &["hosts[0].tls: serverAuth or clientAuth is required"]);
    with(
        "serverAuth: {}",
        &["hosts[0].tls.serverAuth: exactly one of fromPath, value, spiffe is required"],
    );
    with(
        "serverAuth: {fromPath: ca.pem, value: x}",
        &["hosts[0].tls.serverAuth: fromPath and value exclude each other"],
    );
    with(
        "serverAuth: {fromPath: ../ca.pem}",
        &[
            "hosts[0].tls.serverAuth.fromPath: path `../ca.pem` leaves the config's folder DIR by ..",
        ],
    );
    let one = "hosts[0].tls.serverAuth.spiffe: exactly one of serverID, trustDomain, authorizeAny is \
               required";
    with("serverAuth: {spiffe: {}}", &[one]);
    with("serverAuth: {spiffe: {authorizeAny: false}}", &[one]);
    with(
        "serverAuth: {spiffe: {trustDomain: self, authorizeAny: true}}",
        &["hosts[0].tls.serverAuth.spiffe: trustDomain and authorizeAny exclude each other"],
    );
    with(
        "serverAuth: {spiffe: {serverID: a.org/x}}",
        &["hosts[0].tls.serverAuth.spiffe.serverID: is no SPIFFE ID, as in \
           spiffe://example.org/registry"],
    );
    with(
        "serverAuth: {spiffe: {trustDomain: 'spiffe://a.org'}}",
        &["hosts[0].tls.serverAuth.spiffe.trustDomain: is no trust domain: a name as in \
           example.org, or self"],
    );
    with(
        "clientAuth: {}",
        &["hosts[0].tls.clientAuth: provider, or certificate and key, is required"],
    );
    with("clientAuth: {provider: spiffe}", &["hosts[0].tls.clientAuth.provider: is not x509-svid"]);
    with(
        "clientAuth: {provider: x509-svid, key: {value: x}}",
        &["hosts[0].tls.clientAuth: provider excludes certificate and key"],
    );
    with(
        "clientAuth: {certificate: {value: x}}",
        &["hosts[0].tls.clientAuth.key: is required: certificate and key go together"],
    );
    with(
        "clientAuth: {key: {value: x}}",
        &["hosts[0].tls.clientAuth.certificate: is required: certificate and key go together"],
    );
    with(
        "clientAuth: {certificate: {}, key: {value: x, fromPath: key.pem}}",
        &[
            "hosts[0].tls.clientAuth.certificate: exactly one of fromPath, value is required",
            "hosts[0].tls.clientAuth.key: fromPath and value exclude each other",
        ],
    );
    with("serverAuth: {fromPath: text.pem}", &["hosts[0].tls.serverAuth: it holds no certificate"]);
    with("serverAuth: {value: hunter2}", &["hosts[0].tls.serverAuth: it holds no certificate"]);
    with(
        "clientAuth: {certificate: {fromPath: client.pem}, key: {fromPath: text.pem}}",
        &["hosts[0].tls.clientAuth: it holds no private key in PEM"],
    );
    with(
        "clientAuth: {certificate: {fromPath: client.pem}, key: {fromPath: other.key}}",
        &[
            "hosts[0].tls.clientAuth: the private key does not go with the certificate: keys may not be consistent: KeyMismatch",
        ],
    );
    with(
        "clientAuth: {certificate: {fromPath: missing}, key: {value: x}}",
        &[
            "hosts[0].tls.clientAuth.certificate.fromPath: cannot read file `missing`: No such file or \
           directory (os error 2)",
        ],
    );
}

#[test]
fn v1beta2() {
    host_v1beta2(
        "host: a.org, credential: {value: x}",
        &["hosts[0].credential.type: is required, write jwt"],
    );
    host_v1beta2(
        "host: a.org, credential: {type: basic, value: x}",
        &["hosts[0].credential.type: is not jwt"],
    );
    host_v1beta2(
        "host: a.org, credential: {type: jwt, provider: jwt-svid, audiences: ['']}",
        &[
            "hosts[0].credential.audiences[0]: is empty",
            "hosts[0].credential.provider: is none of github, forgejo, gcp, azure, aws, spiffe",
        ],
    );
    host_v1beta2(
        "host: a.org, credential: {type: jwt, jwkValue: '${JWK}', expiration: 0s}",
        &[
            "hosts[0].credential.issuer: is required with a JWK",
            "hosts[0].credential.subject: is required with a JWK",
            "hosts[0].credential.expiration: must be greater than 0",
        ],
    );
    host_v1beta2(
        "host: a.org, credential: {type: jwt, value: x, audiences: [a]}",
        &["hosts[0].credential.audiences: does not go with value and fromPath"],
    );
    host_v1beta2(
        "host: a.org, tls: {serverAuth: {spiffe: {trustDomain: self}}}",
        &["hosts[0].tls.serverAuth: spiffe needs provider: spiffe"],
    );
    host_v1beta2(
        "host: a.org, tls: {serverAuth: {provider: spiffe, fromPath: ca.pem}}",
        &["hosts[0].tls.serverAuth: provider: spiffe needs the field spiffe"],
    );
    host_v1beta2(
        "host: a.org, tls: {serverAuth: {provider: other, spiffe: {trustDomain: self}}}",
        &["hosts[0].tls.serverAuth.provider: is not spiffe"],
    );
    host_v1beta2(
        "host: a.org, tls: {clientAuth: {provider: x509-svid}}",
        &["hosts[0].tls.clientAuth.provider: is not spiffe"],
    );
    host_v1beta2("host: a.org", &["hosts[0]: needs credential, provider, tls or maxChunkSize"]);
    host_v1beta2(
        "host: a.org, credential: {type: jwt, value: x, envelope: '{{ .Password }}'}",
        &[
            "hosts[0].credential.envelope: only .Token and the functions base64 and hex are known in \
           `{{ }}`",
        ],
    );
    host_v1beta2(
        "host: a.org, credential: {type: jwt, provider: github, audiences: [a, b]}",
        &["hosts[0].credential.audiences: are several, and github has tokens for one"],
    );
}
