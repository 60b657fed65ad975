//! Requests to registries, counted by host and code: few hosts, whatever a config names.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Hosts that are told apart: a series each, and for each code.
const MOST_HOSTS: usize = 100;
/// What all others are called.
const OTHER: &str = "other";

/// Counts requests to registries.
#[derive(Debug, Default)]
pub struct Requests {
    counted: Family<[(&'static str, String); 2], Counter>,
    hosts: Mutex<HashSet<String>>,
}

impl Requests {
    /// Names them: `requests`, with labels `host` and `code`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("requests", "Requests to registries", self.counted.clone());
    }

    /// Counts an answer of a host.
    pub fn count(&self, host: &str, code: u16) {
        let labels = [("host", self.label(host).to_owned()), ("code", code.to_string())];
        self.counted.get_or_create(&labels).inc();
    }

    /// The label of a host: itself, if it is among the first.
    fn label<'h>(&self, host: &'h str) -> &'h str {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.contains(host) {
            return host;
        }
        if hosts.len() < MOST_HOSTS {
            hosts.insert(host.to_owned());
            return host;
        }
        OTHER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_hosts_are_few_series() {
        let (requests, mut registry) = (Requests::default(), Registry::default());
        requests.register(&mut registry);
        for index in 0..1_000 {
            requests.count(&format!("r{index}.io"), 200);
        }
        requests.count("r7.io", 429);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let has = |line: &str| assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        has("requests_total{host=\"other\",code=\"200\"} 900");
        has("requests_total{host=\"r7.io\",code=\"429\"} 1");
    }
}
