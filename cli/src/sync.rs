//! `sync`: a run of this process, composed from its config and shown; or one of a fleet.

use std::mem;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mirror_config::{ApiVersion, LoadOptions, MirrorConfig, Purpose};
use mirror_engine::{
    Engine, EngineOptions, JobContext, LocalCommits, LocalDispatch, Signatures, drive, numbered,
};
use mirror_model::{Entry, Event, Limits, Observer, Report, RunId, RunOptions, Warning};
use mirror_proto::DEFAULT_CONCURRENCY;
use mirror_registry::Registries;
use mirror_report::{EntryNames, Output, ReportMeta, ReportVersion, RunStart, exit_code};
use tokio_util::sync::CancellationToken;

use crate::arguments::Sync;
use crate::environment::environment;
use crate::failure::Failed;
use crate::registries::{charts, registries};
use crate::trust::trust;
use crate::version::VERSION;
use crate::{config, fleet, runtime, signals};

/// Runs the command; returns the exit code.
pub(crate) fn run(flags: &Sync, timeout: Duration, envsubst: bool) -> Result<u8, Failed> {
    if flags.coordinator.is_empty() {
        return here(flags, timeout, load(flags, envsubst)?);
    }
    refuse(flags)?;
    let mut config = load(flags, envsubst)?;
    // The fleet's hosts are its own: what it could not do about these is no concern.
    let hosts = mem::take(&mut config.hosts);
    supported(&config)?;
    fleet::sync(flags, timeout, MirrorConfig { hosts, ..config })
}

/// Refuses flags that say how this process would mirror, where a fleet is to do it.
fn refuse(flags: &Sync) -> Result<(), Failed> {
    let because =
        |flag, why| Err(Failed::new(format!("{flag} cannot be given with --coordinator: {why}")));
    match flags {
        Sync { insecure: true, .. } => {
            because("--insecure", "how registries are trusted is for the fleet's own processes")
        }
        Sync { trusted_root: Some(_), .. } => because(
            "--trusted-root (FLUX_MIRROR_TRUSTED_ROOT)",
            "signatures are judged by the coordinator, whose own --trusted-root counts",
        ),
        Sync { layout_root: Some(_), .. } => {
            because("--layout-root", "a fleet does not reach the disk of this machine")
        }
        Sync { .. } => Ok(()),
    }
}

fn supported(config: &MirrorConfig) -> Result<(), Failed> {
    let unsupported = config.unsupported();
    if unsupported.is_empty() { Ok(()) } else { Err(Failed::all(unsupported)) }
}

/// What each job may use.
pub(crate) fn limits(flags: &Sync, timeout: Duration) -> Limits {
    let blobs = flags.concurrency.unwrap_or(DEFAULT_CONCURRENCY);
    Limits {
        attempts: NonZeroU32::MIN.saturating_add(flags.retries),
        timeout,
        blobs: NonZeroU32::try_from(blobs).unwrap_or(NonZeroU32::MAX),
    }
}

/// Mirrors in this process.
fn here(flags: &Sync, timeout: Duration, config: MirrorConfig) -> Result<u8, Failed> {
    supported(&config)?;
    let options = RunOptions {
        overwrite: flags.overwrite,
        dry_run: flags.dry_run,
        concurrency: flags.concurrency.unwrap_or(DEFAULT_CONCURRENCY),
        limits: limits(flags, timeout),
    };
    let output = Arc::new(flags.display().open()?);
    let runtime = runtime::begin()?;
    let (started, clock) = (Timestamp::now(), tokio::time::Instant::now());
    output.begin(RunStart {
        entries: config.entries.iter().map(names).collect(),
        concurrency: Some(options.concurrency),
        retries: flags.retries,
        timeout,
    });
    let notices = Arc::clone(&output);
    let registries = registries(flags.insecure, &config.hosts, move |warning| {
        notices.observe(Event::Warning(warning));
    });
    for message in warnings(flags, &config, &registries) {
        output.observe(Event::Warning(Warning::Run { message }));
    }
    let cancel = CancellationToken::new();
    let trust = trust(flags.trusted_root.as_deref(), registries.transport())?;
    // What is to be told is in the output already.
    let (trust, tell) = (Arc::new(trust), |_: &str| ());
    let signatures = Signatures { trust, now: started.into(), clocks: Vec::new(), tell };
    let report = runtime.block_on(async {
        signals::cancel_on_signal(cancel.clone())?;
        let observer: Arc<dyn Observer> = Arc::<Output>::clone(&output);
        let entries = config.entries;
        let report = mirror(registries, signatures, entries, options, observer, cancel).await;
        Ok::<Report, Failed>(report)
    })?;
    let api = report_version(config.api_version);
    let meta = ReportMeta { version: VERSION, api, started, duration: clock.elapsed() };
    // Before the runtime ends, which heeds signals: a pipe that nobody reads holds this up.
    let shown = output.finish(&report, &meta);
    runtime::end(runtime);
    shown.map_err(|error| Failed::because("cannot write the report", &error))?;
    Ok(exit_code(&report.summary(), flags.drift_exit_code))
}

/// Returns the version of the report on a config.
pub(crate) fn report_version(version: ApiVersion) -> ReportVersion {
    match version {
        ApiVersion::V1Beta1 => ReportVersion::V1Beta1,
        ApiVersion::V1Beta2 => ReportVersion::V1Beta2,
    }
}

/// Returns how lines name an entry.
pub(crate) fn names(entry: &Entry) -> EntryNames {
    EntryNames { source: entry.source_name.clone(), destination: entry.destination_name.clone() }
}

/// Runs the entries in this process.
async fn mirror(
    registries: Arc<Registries>,
    signatures: Signatures,
    entries: Vec<Entry>,
    options: RunOptions,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Report {
    let run = RunId(fastrand::u128(..));
    let (concurrency, signatures) = (options.concurrency, Some(signatures));
    let charts = charts(&registries);
    let engine = Engine::new(EngineOptions { registries, concurrency, charts, signatures });
    let context = JobContext {
        observer: Arc::clone(&observer),
        commits: Arc::new(LocalCommits::new(Arc::clone(&engine))),
        cancel: cancel.clone(),
    };
    let dispatch = LocalDispatch::new(Arc::clone(&engine), context);
    let plan = Arc::clone(&engine).plan(run, numbered(&entries), options, cancel.clone());
    drive(engine, &entries, plan, &dispatch, observer, cancel).await
}

fn load(flags: &Sync, envsubst: bool) -> Result<MirrorConfig, Failed> {
    let environment = environment();
    let options = LoadOptions {
        envsubst,
        environment: &environment,
        layout_root: flags.layout_root.clone(),
        purpose: Purpose::Sync,
    };
    match flags.config.as_deref().filter(|config| !config.is_empty()) {
        None => Err(Failed::new(
            "a config is required: give its path, - for stdin, or set FLUX_MIRROR_CONFIG",
        )),
        Some(config) => config::load(config, &options),
    }
}

fn warnings(flags: &Sync, config: &MirrorConfig, registries: &Registries) -> Vec<String> {
    let insecure = "--insecure: certificates are not checked, and traffic may not be encrypted";
    let insecure = flags.insecure.then(|| insecure.to_owned());
    let transport = registries.transport().warning().map(ToOwned::to_owned);
    insecure.into_iter().chain(transport).chain(config.warnings.iter().cloned()).collect()
}
