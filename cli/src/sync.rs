//! `sync`: composes a run of this process from its config, and shows it.

use std::ffi::OsStr;
use std::io::{IsTerminal, Read};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mirror_config::{
    ApiVersion, ConfigSource, Host, LoadOptions, MAX_CONFIG_BYTES, MirrorConfig, Purpose,
};
use mirror_credentials::{Credentials, DockerConfig};
use mirror_engine::{Engine, EngineOptions, JobContext, LocalCommits, LocalDispatch, drive};
use mirror_model::{Entry, Event, Limits, Observer, Report, RunId, RunOptions, Warning};
use mirror_registry::{Notice, Registries, RegistriesOptions};
use mirror_report::{
    EntryNames, Format, Live, Output, OutputOptions, ReportMeta, ReportVersion, RunStart,
    StreamKind, exit_code,
};
use mirror_transport::{Options, Timing, Transport};
use tokio_util::sync::CancellationToken;

use crate::arguments::{Output as OutputFlag, Sync};
use crate::failure::Failed;
use crate::version::VERSION;
use crate::{runtime, signals};

/// Runs the command; returns the exit code.
pub(crate) fn run(flags: &Sync, timeout: Duration, envsubst: bool) -> Result<u8, Failed> {
    let config = load(flags, envsubst)?;
    let unsupported = config.unsupported();
    if !unsupported.is_empty() {
        return Err(Failed::all(unsupported));
    }
    let attempts = NonZeroU32::MIN.saturating_add(flags.retries);
    let options = RunOptions {
        overwrite: flags.overwrite,
        dry_run: flags.dry_run,
        concurrency: flags.concurrency,
        limits: Limits { attempts, timeout },
    };
    let output = Arc::new(output(flags)?);
    let runtime = runtime::begin()?;
    let (started, clock) = (Timestamp::now(), tokio::time::Instant::now());
    output.begin(RunStart {
        entries: config.entries.iter().map(names).collect(),
        concurrency: flags.concurrency,
        retries: flags.retries,
        timeout,
    });
    let registries = registries(flags.insecure, &config.hosts, &output);
    for message in warnings(flags, &config, &registries) {
        output.observe(Event::Warning(Warning::Run { message }));
    }
    let cancel = CancellationToken::new();
    let report = runtime.block_on(async {
        signals::cancel_on_signal(cancel.clone())?;
        let observer: Arc<dyn Observer> = Arc::<Output>::clone(&output);
        Ok::<Report, Failed>(mirror(registries, config.entries, options, observer, cancel).await)
    })?;
    let api = match config.api_version {
        ApiVersion::V1Beta1 => ReportVersion::V1Beta1,
        ApiVersion::V1Beta2 => ReportVersion::V1Beta2,
    };
    let meta = ReportMeta { version: VERSION, api, started, duration: clock.elapsed() };
    // Before the runtime ends, which heeds signals: a pipe that nobody reads holds this up.
    let shown = output.finish(&report, &meta);
    runtime::end(runtime);
    shown.map_err(|error| Failed::because("cannot write the report", &error))?;
    Ok(exit_code(&report.summary(), flags.drift_exit_code))
}

fn names(entry: &Entry) -> EntryNames {
    EntryNames { source: entry.source_name.clone(), destination: entry.destination_name.clone() }
}

/// Runs the entries in this process.
async fn mirror(
    registries: Arc<Registries>,
    entries: Vec<Entry>,
    options: RunOptions,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Report {
    let run = RunId(fastrand::u128(..));
    let engine = Engine::new(EngineOptions { registries, concurrency: options.concurrency });
    let context = JobContext {
        observer: Arc::clone(&observer),
        commits: Arc::new(LocalCommits::new(Arc::clone(&engine))),
        cancel: cancel.clone(),
    };
    let dispatch = LocalDispatch::new(Arc::clone(&engine), context);
    let plan = Arc::clone(&engine).plan(run, entries.clone(), options, cancel.clone());
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
        Some(config) if config == OsStr::new("-") => {
            let mut text = Vec::new();
            let limit = MAX_CONFIG_BYTES as u64 + 1;
            let read = std::io::stdin().lock().take(limit).read_to_end(&mut text);
            read.map_err(|error| Failed::because("cannot read the config from stdin", &error))?;
            Ok(MirrorConfig::parse(&text, &ConfigSource::Stdin, &options)?)
        }
        Some(config) => Ok(MirrorConfig::load(Path::new(config), &options)?),
    }
}

/// The environment, handed on as a function.
fn environment() -> impl Fn(&str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "here the environment enters the program")]
    |name| std::env::var(name).ok()
}

fn output(flags: &Sync) -> Result<Output, Failed> {
    let color = environment()("NO_COLOR").is_none_or(|value| value.is_empty());
    let options = OutputOptions {
        format: match flags.output {
            OutputFlag::Text => Format::Text,
            OutputFlag::Json => Format::Json,
            OutputFlag::Yaml => Format::Yaml,
        },
        live: match flags {
            Sync { verbose: true, .. } => Live::Verbose,
            Sync { no_progress: true, .. } => Live::Nothing,
            Sync { .. } => Live::Progress,
        },
        stdout: StreamKind::of(std::io::stdout().is_terminal(), color),
        stderr: StreamKind::of(std::io::stderr().is_terminal(), color),
    };
    Output::new(options, std::io::stdout(), std::io::stderr(), jiff::Zoned::now)
        .map_err(|error| Failed::because("cannot start the output", &error))
}

fn warnings(flags: &Sync, config: &MirrorConfig, registries: &Registries) -> Vec<String> {
    let insecure = "--insecure: certificates are not checked, and traffic may not be encrypted";
    let insecure = flags.insecure.then(|| insecure.to_owned());
    let transport = registries.transport().warning().map(ToOwned::to_owned);
    insecure.into_iter().chain(transport).chain(config.warnings.iter().cloned()).collect()
}

/// Reaches registries as the config's hosts, the Docker config and the environment say.
fn registries(insecure: bool, hosts: &[Host], output: &Arc<Output>) -> Arc<Registries> {
    let credentials = hosts.iter().filter_map(|host| Some((host.host.clone(), host.credential()?)));
    let chunks = hosts.iter().filter_map(|host| Some((host.host.clone(), host.max_chunk_bytes?)));
    let transport = Transport::new(Options {
        insecure,
        user_agent: format!("flux-mirror/{VERSION}"),
        timing: Timing::default(),
    });
    let docker = DockerConfig::from_environment(&environment());
    let notices = Arc::clone(output);
    Registries::new(RegistriesOptions {
        transport,
        credentials: Credentials::new(credentials.collect(), docker),
        chunks: chunks.collect(),
        notices: Arc::new(move |notice| notices.observe(Event::Warning(warning(notice)))),
    })
}

fn warning(notice: Notice) -> Warning {
    match notice {
        Notice::Warning { host, message } => Warning::Registry { host, message },
        Notice::Realm { host, realm } => Warning::TokenRealm { host, realm },
    }
}
