//! The commands of `cargo lab`.

mod play;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::lab::topology::Topology;
use crate::traffic::server;
use crate::{bench, demo, place, setup, soak, testing};

/// The Evenkeel lab: demo, tests and benches on real routers and a real kernel.
#[derive(Debug, Parser)]
#[command(name = "cargo lab", bin_name = "cargo lab")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Installs the Debian packages that the lab needs; the other commands do it by themselves
    Setup,
    /// Plays the story of two directors behind a router
    Demo(demo::command::Arguments),
    /// Runs all tests: unit and simulation, network namespaces, guest kernel
    Test(testing::Arguments),
    /// Runs simulator and fuzz targets for longer than tests may take
    Soak(soak::Arguments),
    /// Measures ours against a peer, side by side
    Bench(bench::command::Arguments),
    /// Lists the topologies
    List,
    /// Brings a topology up to play in
    Up(play::UpArguments),
    /// Opens a shell (or runs a command) in a node of the topology that is up
    Shell(play::ShellArguments),
    /// Takes down what `up` brought up
    Down,
    /// The first process of a confinement
    #[command(hide = true)]
    Inside {
        /// The command that runs in it.
        #[arg(last = true, required = true)]
        argv: Vec<String>,
    },
    /// Runs test binaries inside a confinement
    #[command(hide = true)]
    RunTests(testing::inner::Arguments),
    /// A web server that says its name
    #[command(hide = true)]
    Serve(server::Arguments),
    /// Holds a topology up
    #[command(hide = true)]
    Hold(play::HoldArguments),
}

/// Runs the command that stands in the process's arguments.
pub fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Setup => {
            setup::ensure_packages()?;
            println!("setup: everything is there");
            Ok(ExitCode::SUCCESS)
        }
        Command::Demo(arguments) => demo::command::run(&arguments),
        Command::Test(arguments) => testing::run(&arguments),
        Command::Soak(arguments) => soak::run(&arguments),
        Command::Bench(arguments) => bench::command::run(&arguments),
        Command::List => list(),
        Command::Up(arguments) => play::up(&arguments),
        Command::Shell(arguments) => play::shell(&arguments),
        Command::Down => play::down(),
        Command::Inside { argv } => Ok(exit_code(place::inside(&argv)?)),
        Command::RunTests(arguments) => testing::inner::run(&arguments),
        Command::Serve(arguments) => server::run(&arguments),
        Command::Hold(arguments) => play::hold(&arguments),
    }
}

fn list() -> Result<ExitCode> {
    for name in Topology::all_names()? {
        println!("{name:<16} {}", Topology::named(&name)?.about);
    }
    Ok(ExitCode::SUCCESS)
}

/// Statuses beyond a byte do not exist; 255 stands for what cannot be said.
fn exit_code(status: i32) -> ExitCode {
    ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX))
}
