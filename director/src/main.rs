//! `director`: programs IPVS, checks real servers, and says which VIPs this host may advertise.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use common::telemetry;
use director::config::{self, DEFAULT_PATH, Settings};
use director::runtime::driver::Driver;

/// Programs IPVS, checks real servers, and says which VIPs this host may advertise.
///
/// Exit status: 0 after a clean stop, 1 when the configuration, the start or the withdrawal failed, 2 for wrong usage.
/// SIGHUP reads the configuration again. SIGTERM withdraws the VIPs and leaves tables and connections as they are.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The configuration; fragments in its sibling folder `director.conf.d/` are merged into it
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH, env = "EVENKEEL_DIRECTOR_CONFIG")]
    config: PathBuf,
    /// Check the configuration, print its normal form, and exit
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let settings = match config::read(&arguments.config) {
        Ok(settings) => settings,
        Err(diagnostics) => {
            eprintln!("{diagnostics}");
            return ExitCode::FAILURE;
        }
    };
    if arguments.check {
        print!("{}", config::normal_form(&settings));
        return ExitCode::SUCCESS;
    }
    match run(arguments.config, settings) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            tracing::warn!("stopped before the withdrawal was confirmed; the lease will lapse");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("director: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(config_path: PathBuf, settings: Settings) -> anyhow::Result<bool> {
    telemetry::start(&settings.log_filter, settings.log_format)?;
    // On one thread: the core has one owner, and probes only wait.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { Ok(Driver::start(config_path, settings).await?.run().await) })
}
