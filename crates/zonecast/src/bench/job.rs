//! The job file: providers, and zones with their targets.

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zonecast_providers::Provider;
use zonecast_providers::fields::{self, Deps, FieldError};

/// A job as read.
#[derive(Deserialize)]
pub struct Job {
    /// Where to write, by the name that zones use for it.
    pub providers: BTreeMap<String, Target>,
    /// What to write, by zone name.
    pub zones: BTreeMap<String, Zone>,
    #[serde(skip)]
    folder: PathBuf,
}

/// One provider of a job.
#[derive(Deserialize)]
pub struct Target {
    /// `powerdns`, `rfc2136`, `route53`.
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

/// One zone of a job.
#[derive(Deserialize)]
pub struct Zone {
    /// The file with its whole content, beside the job file.
    pub desired: String,
    /// The providers that shall have it.
    pub targets: Vec<String>,
    /// The file with what was changed since the last time.
    #[serde(default)]
    pub changed: Option<String>,
}

impl Job {
    /// Reads a job file.
    pub fn read(path: &Path) -> anyhow::Result<Job> {
        let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut job: Job =
            serde_json::from_slice(&text).with_context(|| format!("{} is not a job", path.display()))?;
        job.folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        Ok(job)
    }

    /// A file that the job names.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where the sorted form of a zone is.
    pub fn wanted_file(&self, zone: &Zone) -> PathBuf {
        self.file(&format!("{}.zonecast", zone.desired))
    }

    /// Where the names are that wait for their turn.
    pub fn dirty_file(&self, zone: &Zone) -> PathBuf {
        self.file(&format!("{}.zonecast-dirty", zone.desired))
    }
}

impl Target {
    /// The provider, ready to call; `Err` is a sentence.
    pub fn connect(&self) -> Result<Arc<dyn Provider>, String> {
        if fields::kind(&self.kind).is_none() {
            return Err(format!("{} is not supported yet", self.kind));
        }
        let words =
            |errors: Vec<FieldError>| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let settings = fields::validate(&self.kind, &self.settings()).map_err(words)?;
        fields::connect(&self.kind, &settings, &Deps::default()).map_err(words)
    }

    /// The job's words for a provider, in the words of its form.
    fn settings(&self) -> Map<String, Value> {
        let text = |name: &str| {
            self.fields.get(name).map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
        };
        let pairs: Vec<(&str, Option<String>)> = match self.kind.as_str() {
            "powerdns" => vec![("server_url", text("url")), ("api_key", text("key"))],
            "rfc2136" => vec![
                ("server", text("addr").zip(text("port")).map(|(addr, port)| format!("{addr}:{port}"))),
                ("tsig_name", text("tsig_name")),
                ("tsig_algorithm", text("tsig_alg")),
                ("tsig_secret", text("tsig_secret")),
            ],
            "route53" => vec![
                ("server_url", text("url")),
                ("access_key_id", text("key")),
                ("secret_access_key", text("secret")),
            ],
            _ => return self.fields.clone(),
        };
        pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))).collect()
    }
}
