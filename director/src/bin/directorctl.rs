//! `directorctl`: asks a running `director`, and the kernel. Called as `ipvsadm`, it behaves as that program.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use director::cli::ipvs::front;
use director::cli::{daemon, ipvs};
use director::config::DEFAULT_SOCKET;

/// Asks a running director, or the kernel.
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
    /// Show or change the kernel's IPVS table, without asking the director
    #[command(subcommand)]
    Ipvs(ipvs::Command),
    /// Take the command line of ipvsadm 1.31, and print what it prints; a link named `ipvsadm` to this program does the same
    #[command(disable_help_flag = true)]
    Ipvsadm {
        /// Arguments of ipvsadm
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut given = env::args_os();
    if given.next().is_some_and(|program| front::is_called(&program)) {
        return front::run(&given.collect::<Vec<_>>()).await;
    }
    let Arguments { socket, json, command } = Arguments::parse();
    let done = match command {
        Command::Daemon(command) => daemon::run(command, &socket, json).await,
        Command::Ipvs(command) => ipvs::run(command, json).await,
        Command::Ipvsadm { arguments } => return front::run(&arguments).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("directorctl: {failure}");
            ExitCode::from(failure.status())
        }
    }
}
