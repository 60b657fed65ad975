//! Loading: from a file or a text to a config that is in order, or to all that is wrong with it.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use mirror_credentials::ConfinedFolder;
use mirror_model::Entry;

use crate::document::Document;
use crate::entry::{EntryJudge, overlaps};
use crate::error::{ConfigError, ConfigErrors, Violations, chain};
use crate::host::{Draft, Host, Judge, Words};
use crate::layouts::Layouts;
use crate::position::Fault;
use crate::raw::{Artifact, Chart, v1beta1, v1beta2};
use crate::version::ApiVersion;

/// The most that a config may hold: entries for 50,000 repositories.
pub const MAX_CONFIG_BYTES: usize = 10 << 20;

/// Where a config's text comes from: for messages, and for the paths in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// A file; paths are relative to its folder.
    File(PathBuf),
    /// The standard input; paths are relative to the working directory.
    Stdin,
}

/// What a config is loaded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To mirror: there must be an artifact or a chart.
    Sync,
    /// For its hosts: entries are read, and neither judged nor kept.
    Hosts,
}

/// How a config is loaded.
#[derive(Clone)]
pub struct LoadOptions<'e> {
    /// Whether variables are substituted.
    pub envsubst: bool,
    /// The environment.
    pub environment: &'e dyn Fn(&str) -> Option<String>,
    /// A folder that layouts may be in besides the config's own.
    pub layout_root: Option<PathBuf>,
    /// What it is loaded for.
    pub purpose: Purpose,
}

/// A config that is in order.
#[derive(Clone, Debug)]
pub struct MirrorConfig {
    /// The version it was written in.
    pub api_version: ApiVersion,
    /// What is to be mirrored: artifacts, then charts.
    pub entries: Vec<Entry>,
    /// How to authenticate at hosts and to connect to them.
    pub hosts: Vec<Host>,
    /// What its author should know.
    pub warnings: Vec<String>,
}

/// A config of either version, not yet judged.
struct Parts {
    artifacts: Vec<Artifact>,
    charts: Vec<Chart>,
    hosts: Vec<Draft>,
    words: &'static Words,
}

impl ConfigSource {
    fn folder(&self) -> &Path {
        match self {
            Self::File(path) => path.parent().unwrap_or(Path::new("")),
            Self::Stdin => Path::new(""),
        }
    }
}

impl fmt::Display for ConfigSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
            Self::Stdin => formatter.write_str("<stdin>"),
        }
    }
}

impl fmt::Debug for LoadOptions<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LoadOptions")
            .field("envsubst", &self.envsubst)
            .field("layout_root", &self.layout_root)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

impl MirrorConfig {
    /// Reads the file at `path` and loads the config in it. Blocks.
    ///
    /// # Errors
    ///
    /// All that is wrong with the config; see [`ConfigError`].
    pub fn load(path: &Path, options: &LoadOptions<'_>) -> Result<Self, ConfigErrors> {
        let source = ConfigSource::File(path.to_owned());
        let mut text = Vec::new();
        let limit = u64::try_from(MAX_CONFIG_BYTES).unwrap_or(u64::MAX);
        File::open(path)
            .and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut text))
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text, &source, options)
    }

    /// Loads the config in `text`, which came from `source`. Blocks: files that it names are opened.
    ///
    /// # Errors
    ///
    /// All that is wrong with the config; see [`ConfigError`].
    pub fn parse(
        text: &[u8],
        source: &ConfigSource,
        options: &LoadOptions<'_>,
    ) -> Result<Self, ConfigErrors> {
        let file = || source.to_string();
        if text.len() > MAX_CONFIG_BYTES {
            let error = ConfigError::TooLarge { file: file(), limit_bytes: MAX_CONFIG_BYTES };
            return Err(error.into());
        }
        let Ok(text) = std::str::from_utf8(text) else {
            return Err(ConfigError::NotText { file: file() }.into());
        };
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let refuse = |faults: Vec<Fault>| ConfigErrors::from_faults(faults, source);
        let environment = options.envsubst.then_some(options.environment);
        let document = Document::read(text, environment).map_err(refuse)?;
        let version = ApiVersion::of(&document).map_err(refuse)?;
        let mut violations = Violations::default();
        let parts = Parts::decode(&document, version, &mut violations)
            .map_err(|fault| refuse(vec![fault]))?;
        let config = Self::judge(version, parts, source, options, &mut violations)?;
        violations.redact(&document);
        violations.finish(config)
    }

    fn judge(
        api_version: ApiVersion,
        parts: Parts,
        source: &ConfigSource,
        options: &LoadOptions<'_>,
        violations: &mut Violations,
    ) -> Result<Self, ConfigErrors> {
        let Parts { artifacts, charts, hosts, words } = parts;
        let entries = match options.purpose {
            Purpose::Hosts => Vec::new(),
            Purpose::Sync => {
                let layouts = Layouts::new(source.folder(), options.layout_root.as_deref())
                    .map_err(|(path, source)| ConfigError::Unreadable { path, source })?;
                if artifacts.is_empty() && charts.is_empty() {
                    violations.add("artifacts", "at least one artifact or chart is required");
                }
                EntryJudge { layouts: &layouts, violations }.entries(artifacts, charts)
            }
        };
        let folder = ConfinedFolder::open(source.folder()).map_err(|error| {
            let (path, message) = (source.to_string(), chain(&error));
            ConfigError::Violation { path, message }
        })?;
        let mut warnings = overlaps(&entries);
        let mut judge = Judge { folder: &folder, words, violations, warnings: &mut warnings };
        let hosts = judge.hosts(hosts);
        Ok(Self { api_version, entries, hosts, warnings })
    }
}

impl Parts {
    fn decode(
        document: &Document,
        version: ApiVersion,
        violations: &mut Violations,
    ) -> Result<Self, Fault> {
        match version {
            ApiVersion::V1Beta1 => {
                let config: v1beta1::Config = document.decode()?;
                let hosts = config.hosts.unwrap_or_default();
                Ok(Self {
                    artifacts: config.artifacts.unwrap_or_default(),
                    charts: config.charts.unwrap_or_default(),
                    hosts: hosts.into_iter().map(Draft::from).collect(),
                    words: &Words::V1BETA1,
                })
            }
            ApiVersion::V1Beta2 => {
                let config: v1beta2::Config = document.decode()?;
                let hosts = config.hosts.unwrap_or_default().into_iter().enumerate();
                let hosts = hosts.map(|(index, host)| {
                    Draft::of_v1beta2(host, &format!("hosts[{index}]"), violations)
                });
                Ok(Self {
                    artifacts: config.artifacts.unwrap_or_default(),
                    charts: config.charts.unwrap_or_default(),
                    hosts: hosts.collect(),
                    words: &Words::V1BETA2,
                })
            }
        }
    }
}
