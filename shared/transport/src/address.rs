//! Which addresses a registry may send us to (threats S1, S2 and S3).
//!
//! A realm, a redirect or an upload's location on another host is dialled only at an address that is
//! no more private than the registry's own. The check is made where the name is resolved, so that the
//! address checked is the address dialled; literal addresses, which need no resolving, are checked in
//! the URL.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// How private an address is, least private first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// Anywhere on the internet.
    Public,
    /// A private network.
    Private,
    /// This machine.
    Loopback,
}

/// Why an address may not be dialled.
pub(crate) const REFUSED: &str =
    "the address is link-local, unspecified, or more private than the registry's own";

impl Reach {
    /// Returns how private `address` is; `None` where nobody may ever send us: link-local (the clouds'
    /// metadata services), unspecified, multicast.
    pub(crate) fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Option<Self> {
        let [first, second, ..] = address.octets();
        let is_shared = first == 100 && (64..128).contains(&second); // RFC 6598, carrier-grade NAT
        // Alibaba's metadata service stands in the shared range; RFC 6890 reserves 0/8 and 240/4.
        let is_never = address.is_link_local()
            || address.is_multicast()
            || address == Ipv4Addr::new(100, 100, 100, 200)
            || first == 0
            || first >= 240;
        if is_never {
            None
        } else if address.is_loopback() {
            Some(Self::Loopback)
        } else if address.is_private() || is_shared {
            Some(Self::Private)
        } else {
            Some(Self::Public)
        }
    }

    fn of_v6(address: Ipv6Addr) -> Option<Self> {
        if let Some(mapped) = address.to_ipv4_mapped() {
            return Self::of_v4(mapped);
        }
        // NAT64 (RFC 6052), 6to4 (RFC 3056) and the oldest form (RFC 4291, 2.5.5.1): the IPv4 address
        // behind them is what is reached.
        let is_plain = address.is_loopback() || address.is_unspecified();
        if let [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, _, _, _, _, _]
        | [0, 0, 0, 0, 0, 0, high, low] = address.segments()
            && !is_plain
        {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            return Self::of_v4(Ipv4Addr::new(a, b, c, d));
        }
        // AWS's metadata service over IPv6 stands in its unique-local range.
        let metadata = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
        let is_never = address.is_unicast_link_local()
            || address.is_unspecified()
            || address.is_multicast()
            || address == metadata;
        if is_never {
            None
        } else if address.is_loopback() {
            Some(Self::Loopback)
        } else if address.is_unique_local() {
            Some(Self::Private)
        } else {
            Some(Self::Public)
        }
    }

    /// Returns whether somebody who stands here may send us to `address`.
    pub(crate) fn allows(self, address: IpAddr) -> bool {
        Self::of(address).is_some_and(|reach| reach <= self)
    }

    /// Returns whether somebody who stands here may send us to the host of `url`, as far as the URL
    /// shows it. `url` has normalised odd spellings (`2130706433`, `127.1`) into addresses.
    pub(crate) fn allows_host_of(self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Ipv4(address)) => self.allows(address.into()),
            Some(Host::Ipv6(address)) => self.allows(address.into()),
            Some(Host::Domain(_)) => true,
            None => false,
        }
    }
}

/// Whether a host that somebody named is asked without a proxy, whatever the environment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Near {
    /// It is this machine.
    Here,
    /// It is where a proxy is somewhere else: the clouds' metadata services, by their address.
    Link,
    /// A proxy may be in between.
    No,
}

impl Near {
    pub(crate) fn of(authority: &str) -> Self {
        let of = |address: IpAddr| match Reach::of(address) {
            Some(Reach::Loopback) => Self::Here,
            Some(Reach::Public | Reach::Private) => Self::No,
            None => Self::Link,
        };
        let Ok(url) = Url::parse(&format!("https://{authority}/")) else { return Self::No };
        match url.host() {
            Some(Host::Domain(name)) if name == "localhost" || name.ends_with(".localhost") => {
                Self::Here
            }
            Some(Host::Domain(_)) | None => Self::No,
            Some(Host::Ipv4(address)) => of(address.into()),
            Some(Host::Ipv6(address)) => of(address.into()),
        }
    }

    pub(crate) fn is_direct(self) -> bool {
        match self {
            Self::Here | Self::Link => true,
            Self::No => false,
        }
    }
}

/// Resolves names as the system does, and yields only addresses that are allowed.
pub(crate) struct GuardedResolver(pub(crate) Reach);

/// A name all of whose addresses are forbidden.
#[derive(Debug, thiserror::Error)]
#[error("{REFUSED}")]
pub(crate) struct ForbiddenAddress;

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| reach.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(ForbiddenAddress.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_services_are_asked_without_a_proxy_as_this_machine_is() {
        let check =
            |authority: &str, expected| assert_eq!(Near::of(authority), expected, "{authority}");
        for here in ["localhost", "a.localhost:5000", "127.0.0.1:80", "[::1]:80"] {
            check(here, Near::Here);
        }
        for link in ["169.254.169.254", "169.254.170.2:80", "[fd00:ec2::254]"] {
            check(link, Near::Link);
        }
        for no in ["a.example", "10.0.0.1", "metadata.google.internal", "[2001:db8::1]"] {
            check(no, Near::No);
        }
    }

    #[track_caller]
    fn check(host: &str, expected: Option<Reach>) {
        let url = Url::parse(&format!("http://{host}/")).unwrap();
        let allowed = [Reach::Public, Reach::Private, Reach::Loopback]
            .into_iter()
            .find(|reach| reach.allows_host_of(&url));
        assert_eq!(allowed, expected, "{host}");
    }

    #[test]
    fn addresses_are_sorted_by_how_private_they_are() {
        check("8.8.8.8", Some(Reach::Public));
        check("[2606:4700::1111]", Some(Reach::Public));
        check("10.0.0.1", Some(Reach::Private));
        check("172.16.0.1", Some(Reach::Private));
        check("192.168.1.1", Some(Reach::Private));
        check("100.64.0.1", Some(Reach::Private));
        check("[fd12::1]", Some(Reach::Private));
        check("127.0.0.1", Some(Reach::Loopback));
        check("[::1]", Some(Reach::Loopback));
    }

    #[test]
    fn odd_spellings_are_seen_through() {
        check("2130706433", Some(Reach::Loopback));
        check("127.1", Some(Reach::Loopback));
        check("0x7f.1", Some(Reach::Loopback));
        check("[::ffff:127.0.0.1]", Some(Reach::Loopback));
        check("[::ffff:10.0.0.1]", Some(Reach::Private));
        check("[64:ff9b::7f00:1]", Some(Reach::Loopback));
        check("[64:ff9b::a9fe:a9fe]", None);
        check("[2002:a00:1::1]", Some(Reach::Private));
        check("[2002:a9fe:a9fe::]", None);
        check("[::127.0.0.1]", Some(Reach::Loopback));
        check("[::169.254.169.254]", None);
        check("017700000001", Some(Reach::Loopback));
        check("0x7f000001", Some(Reach::Loopback));
    }

    #[tokio::test]
    async fn a_name_is_as_private_as_its_addresses() {
        for (reach, expected) in
            [(Reach::Public, false), (Reach::Private, false), (Reach::Loopback, true)]
        {
            let found = GuardedResolver(reach).resolve("localhost".parse().unwrap()).await;
            match found {
                Ok(_) => assert!(expected, "{reach:?}"),
                Err(error) => assert!(error.is::<ForbiddenAddress>() && !expected, "{error}"),
            }
        }
    }

    #[test]
    fn some_addresses_are_for_nobody() {
        for host in [
            "169.254.169.254",
            "[fe80::1]",
            "[::ffff:169.254.169.254]",
            "[fd00:ec2::254]",
            "100.100.100.200",
            "0.0.0.0",
            "[::]",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            check(host, None);
        }
    }
}
