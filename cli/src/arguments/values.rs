//! What the values of flags may be.
//!
//! Each function reads one value or says what it must be; clap adds the flag's name.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use mirror_model::GoDuration;
use mirror_oci::{RegistryHost, RepositoryName};
use mirror_queue::Region;
use tonic::transport::Uri;
use ulid::Ulid;

/// What reads a flag that its variable may set.
pub(super) use clap::builder::BoolishValueParser as Switch;

/// Schemes of NATS servers: `tls` asks for TLS whatever the server says.
const NATS_SCHEMES: [&str; 2] = ["nats", "tls"];

pub(super) fn budget(text: &str) -> Result<GoDuration, String> {
    match text.parse::<GoDuration>() {
        Ok(GoDuration(Duration::ZERO)) => Err("must be greater than 0".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{error}, greater than 0")),
    }
}

pub(super) fn concurrency(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.parse::<NonZeroU32>().ok().and_then(|number| number.try_into().ok());
    number.ok_or_else(|| format!("must be a number greater than 0, at most {}", u32::MAX))
}

pub(super) fn retries(text: &str) -> Result<u32, String> {
    let number = text.parse::<u32>().ok().filter(|number| *number < u32::MAX);
    number.ok_or_else(|| {
        format!("must be a number greater than or equal to 0, at most {}", u32::MAX - 1)
    })
}

pub(super) fn drift_exit_code(text: &str) -> Result<u8, String> {
    text.parse().map_err(|_ignored| "must be a number from 0 to 255".to_owned())
}

/// Replicas of a stream: an odd number keeps a majority, and NATS takes 5 at most.
pub(super) fn replicas(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| [1, 3, 5].contains(number));
    number.ok_or_else(|| "must be 1, 3 or 5".to_owned())
}

/// The URL of a coordinator, without a slash at its end.
pub(super) fn coordinator(text: &str) -> Result<String, String> {
    let is_url = text.parse::<Uri>().is_ok_and(|url| {
        matches!(url.scheme_str(), Some("http" | "https"))
            && url.authority().is_some_and(|host| !host.as_str().contains('@'))
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
    });
    if !is_url {
        return Err("must be a URL of a scheme, a host and a port alone, as in \
                    https://coordinator.example.com:7443"
            .to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// URLs of NATS servers, separated by commas.
pub(super) fn nats(text: &str) -> Result<String, String> {
    for server in text.split(',') {
        let url = server.parse::<Uri>().ok();
        let url = url.filter(|url| {
            url.scheme_str().is_some_and(|scheme| NATS_SCHEMES.contains(&scheme))
                && matches!(url.path(), "" | "/")
                && url.query().is_none()
        });
        match url.as_ref().and_then(Uri::authority) {
            None => {
                return Err("must be URLs such as nats://nats.example.com:4222, separated by \
                            commas"
                    .to_owned());
            }
            Some(host) if host.as_str().contains('@') => {
                return Err("must hold no user or password: they belong into --nats-creds or \
                            --nats-nkey"
                    .to_owned());
            }
            Some(_) => {}
        }
    }
    Ok(text.to_owned())
}

/// What subjects of replies begin with.
pub(super) fn inbox_prefix(text: &str) -> Result<String, String> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let is_token = |token: &str| !token.is_empty() && token.bytes().all(is_part);
    if text.len() <= MAX_INBOX_PREFIX && text.split('.').all(is_token) {
        Ok(text.to_owned())
    } else {
        Err("must be letters, digits, _ and -, in parts separated by dots".to_owned())
    }
}

/// Subjects are best kept below 256 characters (NATS, "Subject-Based Messaging"); replies add some.
const MAX_INBOX_PREFIX: usize = 128;

/// A name of most objects of Kubernetes (RFC 1123, a subdomain).
pub(super) fn object_name(text: &str) -> Result<String, String> {
    if text.len() <= 253 && text.split('.').all(is_label) {
        return Ok(text.to_owned());
    }
    Err("must be at most 253 of a-z, 0-9, - and ., each part between dots beginning and ending with \
         a letter or digit"
        .to_owned())
}

/// A name of a namespace (RFC 1123, a label).
pub(super) fn namespace(text: &str) -> Result<String, String> {
    if text.len() <= 63 && is_label(text) {
        return Ok(text.to_owned());
    }
    Err("must be at most 63 of a-z, 0-9 and -, beginning and ending with a letter or digit"
        .to_owned())
}

fn is_label(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(fits) && !text.starts_with('-') && !text.ends_with('-')
}

pub(super) fn host(text: &str) -> Result<RegistryHost, String> {
    text.parse().map_err(|error: mirror_oci::InvalidHost| error.to_string())
}

/// The region of a registry host.
pub(super) fn region_for(text: &str) -> Result<(RegistryHost, Region), String> {
    let (host, region) =
        text.split_once('=').ok_or("must be HOST=REGION, as in registry.example.com=eu")?;
    let host = host.parse().map_err(|error| format!("{error}"))?;
    let region = region.parse().map_err(|error| format!("{error}"))?;
    Ok((host, region))
}

/// A destination that a worker may write, with the host as registries are known by.
pub(super) fn destination_prefix(text: &str) -> Result<String, String> {
    let form = "must be a host or the beginning of a repository, as in \
                registry.example.com/team";
    let (host, path) = match text.split_once('/') {
        None => (text, None),
        Some((host, path)) => (host, Some(path)),
    };
    let host = host.parse::<RegistryHost>().map_err(|_ignored| form.to_owned())?;
    match path {
        None => Ok(host.to_string()),
        Some(path) => {
            path.parse::<RepositoryName>().map_err(|_ignored| form.to_owned())?;
            Ok(format!("{host}/{path}"))
        }
    }
}

/// The id of a run, as coordinators write it.
pub(super) fn run(text: &str) -> Result<String, String> {
    match Ulid::from_string(text) {
        // 26 characters of 5 bits are 130 bits; the parser passes over the two that are too many.
        Ok(id) if id.to_string().eq_ignore_ascii_case(text) => Ok(id.to_string()),
        Ok(_) | Err(_) => {
            Err("must be the id of a run, as in 01JZ8Q4T7M3V5X9B2C6D8E0F1G".to_owned())
        }
    }
}

/// What finds a run again. It travels and is kept, so it has a bound; it never enters a subject.
pub(super) fn idempotency_key(text: &str) -> Result<String, String> {
    let is_plain = text.chars().all(|character| character.is_ascii_graphic());
    if (1..=MAX_KEY).contains(&text.len()) && is_plain {
        Ok(text.to_owned())
    } else {
        Err(format!("must be 1 to {MAX_KEY} printable ASCII characters without a blank"))
    }
}

/// A digest, a URL or the name of a build fits.
const MAX_KEY: usize = 255;
