//! A registry's host, as it stands before the first slash of a repository.

use std::fmt;
use std::str::FromStr;

/// The name that Docker Hub is known by; `index.docker.io` and `registry-1.docker.io` are the same.
const DOCKER_HUB: &str = "docker.io";
/// Where Docker Hub answers the distribution API.
const DOCKER_HUB_API: &str = "registry-1.docker.io";
/// DNS allows 253 characters in a name; a port adds six.
const MAX_HOST_CHARS: usize = 260;

/// A registry host with its port where it names one: `ghcr.io`, `localhost:5000`, `[::1]:5000`.
///
/// Lower case, and normalised: the names of Docker Hub are one host.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistryHost(String);

/// A text that is no registry host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no registry host: a host name or address with an optional port, without scheme or path", text.escape_default())]
pub struct InvalidHost {
    /// The start of the text.
    pub text: String,
}

impl RegistryHost {
    /// Returns the host as the config and the Docker config know it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns where the host answers the distribution API: itself, but for Docker Hub.
    pub fn api(&self) -> &str {
        if self.0 == DOCKER_HUB { DOCKER_HUB_API } else { &self.0 }
    }

    /// Returns whether this is Docker Hub, whose single-word names stand below `library/`.
    pub fn is_docker_hub(&self) -> bool {
        self.0 == DOCKER_HUB
    }

    /// Returns the host without its port; an IPv6 address without its brackets.
    pub fn name(&self) -> &str {
        let name = match self.0.strip_prefix('[') {
            Some(rest) => rest.split(']').next(),
            None => self.0.split(':').next(),
        };
        name.unwrap_or_default()
    }

    /// Returns whether the host is this machine by its name or literal address.
    pub fn is_loopback(&self) -> bool {
        let name = self.name();
        name == "localhost"
            || name.ends_with(".localhost")
            || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for RegistryHost {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidHost { text: text.chars().take(160).collect() };
        if text.len() > MAX_HOST_CHARS {
            return Err(invalid());
        }
        let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, "")) => (address, None),
            Some((address, rest)) => (address, Some(rest.strip_prefix(':').ok_or_else(invalid)?)),
            None => match text.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (text, None),
            },
        };
        let is_name = if text.starts_with('[') {
            name.parse::<std::net::Ipv6Addr>().is_ok()
        } else {
            name.split('.').all(is_label)
        };
        let is_port = port.is_none_or(|port| {
            port.bytes().all(|byte| byte.is_ascii_digit())
                && port.parse::<u16>().is_ok_and(|p| p > 0)
        });
        if !is_name || !is_port {
            return Err(invalid());
        }
        let host = text.to_ascii_lowercase();
        Ok(Self(match host.as_str() {
            "index.docker.io" | DOCKER_HUB_API => DOCKER_HUB.to_owned(),
            _ => host,
        }))
    }
}

/// One label of a host name. Underscores are no DNS, but container networks hand them out.
fn is_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=63).contains(&label.len())
        && label.bytes().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl fmt::Display for RegistryHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for RegistryHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl AsRef<str> for RegistryHost {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let host = text.parse::<RegistryHost>().ok();
        assert_eq!(host.as_ref().map(RegistryHost::as_str), expected, "{text}");
    }

    #[test]
    fn reads_hosts() {
        check("ghcr.io", Some("ghcr.io"));
        check("GHCR.io", Some("ghcr.io"));
        check("localhost:5000", Some("localhost:5000"));
        check("[::1]:5000", Some("[::1]:5000"));
        check("[::1]", Some("[::1]"));
        check("10.0.0.1:80", Some("10.0.0.1:80"));
        check("my_registry:5000", Some("my_registry:5000"));
        check("index.docker.io", Some("docker.io"));
        check("registry-1.docker.io", Some("docker.io"));
        for bad in [
            "",
            "a/b",
            "https://a",
            "a:",
            "a:0",
            "a:65536",
            "a:+5",
            "-a",
            "a..b",
            "a b",
            "[::1",
            "[x]",
            "u@a",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn knows_this_machine() {
        for (text, expected) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1:1", true),
            ("127.9.9.9", true),
            ("[::1]:1", true),
            ("registry.localhost", true),
            ("10.0.0.1", false),
            ("localhost.example.com", false),
        ] {
            assert_eq!(text.parse::<RegistryHost>().unwrap().is_loopback(), expected, "{text}");
        }
    }
}
