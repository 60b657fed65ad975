//! Charts: an HTTP repository's chart and the OCI repository it goes to.

use mirror_model::{Chart, Entry, EntrySource};
use mirror_oci::{Place, RepositoryName, RepositoryRef};
use url::Url;

use super::EntryJudge;
use crate::layouts::SCHEME;
use crate::raw;

/// What a chart's destination in a registry begins with.
const OCI: &str = "oci://";

impl EntryJudge<'_> {
    /// Judges a chart.
    pub(super) fn chart(&mut self, path: &str, chart: raw::Chart) -> Option<Entry> {
        let name = self.chart_name(&format!("{path}.name"), chart.name);
        let source = self.chart_source(&format!("{path}.source"), chart.source);
        let destination = self.chart_destination(
            &format!("{path}.destination"),
            chart.destination,
            name.as_deref(),
        );
        let selector = self.versions(path, chart.version, chart.limit);
        let (destination_name, destination) = destination?;
        let source = Chart { repository: source?, name: name? };
        Some(Entry {
            source_name: source.to_string(),
            destination_name,
            source: EntrySource::Chart(source),
            destination,
            selector: selector?,
            overwrite: chart.overwrite.unwrap_or_default(),
        })
    }

    fn chart_name(&mut self, path: &str, name: Option<String>) -> Option<String> {
        let name = self.required(path, name)?;
        match name.parse::<RepositoryName>() {
            Ok(_) if name.contains('/') => {
                self.violations.add(path, format!("`{name}` has a slash, a chart's name has none"));
                None
            }
            Ok(_) => Some(name),
            Err(error) => {
                self.violations.add_error(path, &error);
                None
            }
        }
    }

    fn chart_source(&mut self, path: &str, source: Option<String>) -> Option<String> {
        let source = self.required(path, source)?;
        let message = if source.starts_with(OCI) || source.starts_with(SCHEME) {
            "is no HTTP repository: charts of OCI registries and layouts go under artifacts"
        } else if source.chars().any(|next| next.is_whitespace() || next.is_control()) {
            // A URL's parser would pass over some.
            "holds white space or control characters"
        } else {
            match Url::parse(&source) {
                Ok(url) if !matches!(url.scheme(), "http" | "https") => {
                    "must begin with http:// or https://"
                }
                Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                    "must hold no user or password: helm repo add keeps them in repositories.yaml"
                }
                Ok(_) => return Some(source),
                Err(_) => "is no URL, as in https://charts.example.org",
            }
        };
        self.violations.add(path, message);
        None
    }

    /// Returns the chart's own repository and its name as rows show it; where the chart's name is
    /// wrong, the destination is judged all the same.
    fn chart_destination(
        &mut self,
        path: &str,
        destination: Option<String>,
        name: Option<&str>,
    ) -> Option<(String, Place)> {
        let destination = self.required(path, destination)?;
        let base = destination.trim_end_matches('/');
        let name = name.unwrap_or("chart");
        if let Some(folder) = destination.strip_prefix(SCHEME) {
            // A chart's folder stands in the one that is named, which may be the config's own.
            if folder.is_empty() {
                self.violations.add(path, "a path is missing after oci-layout://");
                return None;
            }
            let folder = format!("{}/{name}", folder.strip_suffix('/').unwrap_or(folder));
            return match self.layouts.resolve(&folder) {
                Ok(layout) => Some((format!("{base}/{name}"), Place::Layout(layout))),
                Err(error) => {
                    self.violations.add_error(path, &error);
                    None
                }
            };
        }
        let Some(repository) = base.strip_prefix(OCI) else {
            self.violations.add(path, "must begin with oci:// (or oci-layout:// for a folder)");
            return None;
        };
        let repository = format!("{repository}/{name}");
        match repository.parse::<RepositoryRef>() {
            Ok(place) => Some((repository, Place::Registry(place))),
            Err(error) => {
                self.violations.add_error(path, &error);
                None
            }
        }
    }
}
