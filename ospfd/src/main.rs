//! `ospfd`: an OSPF speaker for director hosts.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use common::telemetry;
use ospfd::runtime::clock::Clock;
use ospfd::runtime::config::{self, Settings};
use ospfd::runtime::driver::Ended;
use ospfd::runtime::record::Recorder;

/// Speaks OSPF to the upstream routers and advertises the VIPs that directors lease.
///
/// Exit status: 0 after a clean stop, 1 when the configuration or the start failed, 2 for wrong usage.
/// SIGHUP reads the configuration again; SIGTERM flushes our LSAs, waits for acknowledgement, and stops.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The configuration; fragments in its sibling folder `ospfd.conf.d/` are merged into it
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/evenkeel/ospfd.toml",
        env = "EVENKEEL_OSPFD_CONFIG"
    )]
    config: PathBuf,
    /// Check the configuration, print its normal form, and exit
    #[arg(long)]
    check: bool,
    /// Record every input of the engine from the start into this new file; `ospfctl replay FILE` plays it
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    record: Option<PathBuf>,
    /// MiB that a recording may grow to
    #[arg(long, value_name = "MIB", default_value_t = 64)]
    record_limit: u32,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let settings = match config::load(&arguments.config) {
        Ok(settings) => settings,
        Err(diagnostics) => {
            eprintln!("{diagnostics}");
            return ExitCode::FAILURE;
        }
    };
    if arguments.check {
        for warning in settings.warnings(Clock::start().moment()) {
            eprintln!("{warning}");
        }
        print!("{}", settings.normal_form);
        return ExitCode::SUCCESS;
    }
    match run(arguments, settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ospfd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments, settings: Settings) -> anyhow::Result<()> {
    telemetry::start(&settings.log_filter, settings.log_format)?;
    let recorder = match &arguments.record {
        Some(path) => Recorder::create(path, u64::from(arguments.record_limit) << 20).with_context(|| {
            format!("cannot record into {}; give a new file in a folder that is there", path.display())
        })?,
        None => Recorder::default(),
    };
    // Built by hand and on one thread: the engine has one owner, and the rest only waits.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(ospfd::runtime::run(arguments.config, settings, recorder))? {
        Ended::Flushed { acknowledged: true } => tracing::info!("stopped; every neighbour acknowledged"),
        Ended::Flushed { acknowledged: false } => {
            tracing::warn!("stopped; a neighbour has not acknowledged the flush, and will age our LSAs out");
        }
        Ended::AtOnce => tracing::warn!("stopped at once, before the flush was acknowledged"),
    }
    Ok(())
}
