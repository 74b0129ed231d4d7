//! `cargo lab`.

use std::process::ExitCode;

fn main() -> ExitCode {
    integration::cli::main()
}
