//! Where a coordinator is: the rules for an address, whoever named it.

use std::net::IpAddr;

use http::Uri;

use crate::RpcError;
use crate::limits::MAX_URL_BYTES;

/// The root of an `http` or `https` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// `https://host:port`.
    pub(crate) url: String,
    /// TLS.
    pub(crate) secure: bool,
    /// This machine.
    loopback: bool,
}

impl Address {
    /// Reads an URL.
    pub(crate) fn parse(text: &str) -> Result<Self, RpcError> {
        let refused = |reason| RpcError::Address { url: shown(text), reason };
        if text.len() > MAX_URL_BYTES {
            return Err(refused("it is too long"));
        }
        let uri: Uri = text.parse().map_err(|_no_url| refused("it is no URL"))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(refused("it must begin with https:// or http://")),
        };
        let authority = uri.authority().ok_or_else(|| refused("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(refused("it must hold no password, give a token file instead"));
        }
        if authority.host().is_empty() {
            return Err(refused("it names no host"));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(refused("it must end after the host and the port"));
        }
        let scheme = if secure { "https" } else { "http" };
        let loopback = is_loopback(authority.host());
        Ok(Self { url: format!("{scheme}://{authority}"), secure, loopback })
    }

    /// Refuses plaintext to another machine, unless there is leave.
    pub(crate) fn guarded(self, plaintext: bool) -> Result<Self, RpcError> {
        if self.secure || self.loopback || plaintext {
            return Ok(self);
        }
        Err(RpcError::Plaintext { url: self.url })
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What of a refused text may be printed: no password, nothing long, nothing that moves a cursor.
fn shown(text: &str) -> String {
    let rest = text.rsplit_once('@').map_or(text, |(_password, rest)| rest);
    rest.chars().take(MAX_URL_BYTES).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let found = Address::parse(text).and_then(|address| address.guarded(false));
        let found = found.map(|address| address.url).map_err(|error| error.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn an_address_is_the_root_of_an_url() {
        check("https://mirror.test:7443", Ok("https://mirror.test:7443"));
        check("https://mirror.test/", Ok("https://mirror.test"));
        check("http://127.0.0.1:7443", Ok("http://127.0.0.1:7443"));
        check("http://127.9.9.9:1", Ok("http://127.9.9.9:1"));
        check("http://[::1]:7443", Ok("http://[::1]:7443"));
        check("http://LOCALHOST:1", Ok("http://LOCALHOST:1"));
        let plain = |url: &str| {
            format!("{url} is in plaintext and on another machine, use https or allow plaintext")
        };
        for other in ["http://localhost.evil.test", "http://10.0.0.1:1", "http://0.0.0.0:1"] {
            check(other, Err(&plain(other)));
        }
        let refused = |url: &str, reason: &str| format!("{url} is no coordinator's URL: {reason}");
        let scheme = "it must begin with https:// or http://";
        for other in ["ftp://mirror.test", "mirror.test:7443", "unix:///run/mirror"] {
            let error = Address::parse(other).unwrap_err().to_string();
            assert!(error == refused(other, scheme) || error == refused(other, "it is no URL"));
        }
        let end = "it must end after the host and the port";
        check("https://a.test/b", Err(&refused("https://a.test/b", end)));
        check("https://a.test?b", Err(&refused("https://a.test?b", end)));
        let password = "it must hold no password, give a token file instead";
        check("https://me:hidden@a.test", Err(&refused("a.test", password)));
        check("\u{1b}[2J", Err(&refused("\\u{1b}[2J", "it is no URL")));
    }
}
