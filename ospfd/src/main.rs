//! `ospfd`: an OSPF speaker for director hosts.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use common::telemetry;
use ospfd::runtime::clock::Clock;
use ospfd::runtime::config::{self, Settings};
use ospfd::runtime::driver::Ended;

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
    match run(arguments.config, settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ospfd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(config_path: PathBuf, settings: Settings) -> anyhow::Result<()> {
    telemetry::start(&settings.log_filter, settings.log_format)?;
    // Built by hand and on one thread: the engine has one owner, and the rest only waits.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(ospfd::runtime::run(config_path, settings))? {
        Ended::Flushed { acknowledged: true } => tracing::info!("stopped; every neighbour acknowledged"),
        Ended::Flushed { acknowledged: false } => {
            tracing::warn!("stopped; a neighbour has not acknowledged the flush, and will age our LSAs out");
        }
        Ended::AtOnce => tracing::warn!("stopped at once, before the flush was acknowledged"),
    }
    Ok(())
}
