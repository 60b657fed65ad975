//! A chart's metadata: what Chart.yaml says, as Helm takes it.
//!
//! [`Metadata::read`] takes Chart.yaml and requirements.yaml in, cleans and judges them as Helm does when
//! it loads a chart; [`Metadata::json`] is what `helm push` makes the config of. Fields that are not known
//! are passed over.

mod clean;
mod field;
mod json;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::YamlError;
use crate::yaml::Value;
use field::{Fault, Take};

/// What a chart is taken for that does not say which version of the format it has.
const DEFAULT_API_VERSION: &str = "v1";

/// A chart's metadata.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    home: String,
    sources: Vec<String>,
    pub(crate) version: String,
    description: String,
    keywords: Vec<String>,
    maintainers: Vec<Option<Maintainer>>,
    icon: String,
    api_version: String,
    condition: String,
    tags: String,
    app_version: String,
    deprecated: bool,
    annotations: BTreeMap<String, String>,
    kube_version: String,
    dependencies: Vec<Option<Dependency>>,
    kind: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Maintainer {
    name: String,
    email: String,
    url: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Dependency {
    name: String,
    version: String,
    repository: String,
    condition: String,
    tags: Vec<String>,
    enabled: bool,
    import_values: Vec<Value>,
    alias: String,
}

/// Why a chart's metadata cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// It is no YAML.
    #[error("{file} is no YAML")]
    Yaml {
        /// The file.
        file: &'static str,
        /// What is wrong with it.
        source: YamlError,
    },
    /// A field is of another kind than Helm wants.
    #[error("`{field}` of {file} is {found}, not {wanted}")]
    Field {
        /// The file.
        file: &'static str,
        /// The field, with those that it is in.
        field: String,
        /// What it is.
        found: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// A field without which there is no chart.
    #[error("Chart.yaml has no {field}")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field's value that Helm does not take.
    #[error("`{field}` of Chart.yaml is `{}`, which is {reason}", value.escape_default())]
    Value {
        /// The field.
        field: &'static str,
        /// The start of its value.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An empty item of a list.
    #[error("Chart.yaml has an empty item among its {field}")]
    EmptyItem {
        /// The list.
        field: &'static str,
    },
    /// It comes to more as JSON than registries take for a config.
    #[error("Chart.yaml makes a config of more than {} MiB", limit >> 20)]
    TooLarge {
        /// The bound, in bytes.
        limit: usize,
    },
    /// Two dependencies that cannot be told apart.
    #[error("Chart.yaml has two dependencies with the name or alias `{}`", name.escape_default())]
    Twice {
        /// The start of what both are called.
        name: String,
    },
}

impl Metadata {
    /// Reads Chart.yaml, and over it requirements.yaml, which the first charts kept their dependencies in.
    ///
    /// # Errors
    /// See [`MetadataError`]; trying again never helps.
    pub(crate) fn read(chart: &[u8], requirements: Option<&[u8]>) -> Result<Self, MetadataError> {
        let mut metadata = Self::default();
        metadata.take_file("Chart.yaml", chart)?;
        if metadata.api_version.is_empty() {
            DEFAULT_API_VERSION.clone_into(&mut metadata.api_version);
        }
        if let Some(requirements) = requirements {
            metadata.take_file("requirements.yaml", requirements)?;
        }
        metadata.clean()?;
        Ok(metadata)
    }

    fn take_file(&mut self, file: &'static str, bytes: &[u8]) -> Result<(), MetadataError> {
        let value = Value::read(bytes).map_err(|source| MetadataError::Yaml { file, source })?;
        self.take(value).map_err(|Fault { field, found, wanted }| {
            let field = if field.is_empty() { "the document".to_owned() } else { field };
            MetadataError::Field { file, field, found, wanted }
        })
    }
}

impl Take for Metadata {
    fn take_fields(&mut self, fields: BTreeMap<String, Value>) -> Result<(), Fault> {
        for (key, value) in fields {
            // Go's JSON finds fields without regard to case.
            let taken = match key.to_ascii_lowercase().as_str() {
                "name" => field::text(&mut self.name, value),
                "home" => field::text(&mut self.home, value),
                "sources" => field::texts(&mut self.sources, value),
                "version" => field::text(&mut self.version, value),
                "description" => field::text(&mut self.description, value),
                "keywords" => field::texts(&mut self.keywords, value),
                "maintainers" => field::items(&mut self.maintainers, value),
                "icon" => field::text(&mut self.icon, value),
                "apiversion" => field::text(&mut self.api_version, value),
                "condition" => field::text(&mut self.condition, value),
                "tags" => field::text(&mut self.tags, value),
                "appversion" => field::text(&mut self.app_version, value),
                "deprecated" => field::flag(&mut self.deprecated, value),
                "annotations" => field::map(&mut self.annotations, value),
                "kubeversion" => field::text(&mut self.kube_version, value),
                "dependencies" => field::items(&mut self.dependencies, value),
                "type" => field::text(&mut self.kind, value),
                _ => Ok(()),
            };
            taken.map_err(|fault| fault.below(&key))?;
        }
        Ok(())
    }
}

impl Take for Maintainer {
    fn take_fields(&mut self, fields: BTreeMap<String, Value>) -> Result<(), Fault> {
        for (key, value) in fields {
            let taken = match key.to_ascii_lowercase().as_str() {
                "name" => field::text(&mut self.name, value),
                "email" => field::text(&mut self.email, value),
                "url" => field::text(&mut self.url, value),
                _ => Ok(()),
            };
            taken.map_err(|fault| fault.below(&key))?;
        }
        Ok(())
    }
}

impl Take for Dependency {
    fn take_fields(&mut self, fields: BTreeMap<String, Value>) -> Result<(), Fault> {
        for (key, value) in fields {
            let taken = match key.to_ascii_lowercase().as_str() {
                "name" => field::text(&mut self.name, value),
                "version" => field::text(&mut self.version, value),
                "repository" => field::text(&mut self.repository, value),
                "condition" => field::text(&mut self.condition, value),
                "tags" => field::texts(&mut self.tags, value),
                "enabled" => field::flag(&mut self.enabled, value),
                "import-values" => field::any(&mut self.import_values, value),
                "alias" => field::text(&mut self.alias, value),
                _ => Ok(()),
            };
            taken.map_err(|fault| fault.below(&key))?;
        }
        Ok(())
    }
}
