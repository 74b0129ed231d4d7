//! `directorctl`: asks a running `director`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use director::cli::{Failure, daemon};
use director::config::DEFAULT_SOCKET;

/// Asks a running director.
///
/// Exit status: 0 done, 1 refused, 2 wrong usage, 3 no connection to the daemon.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The daemon's control socket
    #[arg(long, global = true, default_value = DEFAULT_SOCKET, env = "EVENKEEL_DIRECTOR_SOCKET")]
    socket: PathBuf,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Daemon(daemon::Command),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("directorctl: {failure}");
            ExitCode::from(failure.status())
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { socket, json, command } = arguments;
    match command {
        Command::Daemon(command) => daemon::run(command, &socket, json).await,
    }
}
