//! The language of ipvsadm 1.31: its command line, and what it prints.
//!
//! Pure: arguments become words ([`lex`]), words become a [`Command`] ([`parse`]), a command may become operations, and rows of the
//! kernel's table become text ([`list`], [`connection`]). Who speaks to the kernel stands elsewhere.
//!
//! Deviations: weights may go to 2^31 - 1, which the kernel takes (ipvsadm stops at 65535); the order of options does not matter
//! beyond the command, which comes first; addresses and ports are printed as numbers with and without `-n`; `-S` prints the
//! thresholds, too; `-R` checks all lines before it changes anything.

mod address;
pub mod connection;
mod lex;
pub mod list;
mod parse;
mod restore;
mod rules;

pub use address::{Names, NumbersOnly};
pub use lex::{Lexed, Switch, Verb, lex};
pub use parse::{Command, Format, List, parse};
pub use restore::{LineError, Restore, restore};

/// Why a command line cannot be obeyed. The words are those that scripts know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// The first argument is no command.
    #[error("the first option must be a command; try `-h`")]
    NoCommand,
    /// No such option, or one that cannot be used so.
    #[error("{option}: {problem}")]
    Option {
        /// As written.
        option: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A second command.
    #[error("invalid option `{0}'")]
    SecondCommand(&'static str),
    /// An option twice, or two that exclude each other.
    #[error("multiple '{0}' options specified")]
    Twice(&'static str),
    /// An option that the command needs is missing.
    #[error("You need to supply the '{option}' option for the '{command}' command")]
    Missing {
        /// Which.
        option: &'static str,
        /// For which command.
        command: &'static str,
    },
    /// An option that the command does not take.
    #[error("Illegal '{option}' option with the '{command}' command")]
    Illegal {
        /// Which.
        option: &'static str,
        /// With which command.
        command: &'static str,
    },
    /// Two options of one command exclude each other.
    #[error("The option '{first}' conflicts with the '{second}' option in the '{command}' command")]
    Conflict {
        /// One.
        first: &'static str,
        /// The other.
        second: &'static str,
        /// In which command.
        command: &'static str,
    },
    /// The options of a tunnel do not fit its type.
    #[error("the option '{option}' does not fit the '{kind}' tunnel type, or is missing for it")]
    Tunnel {
        /// Which.
        option: &'static str,
        /// Type of the tunnel.
        kind: &'static str,
    },
    /// A value that makes no sense.
    #[error("illegal {what} specified: `{value}'")]
    Value {
        /// What it should be.
        what: &'static str,
        /// As written.
        value: String,
    },
    /// A word too much.
    #[error("unexpected argument {0}")]
    Unexpected(String),
    /// A rule that concerns several options.
    #[error("{0}")]
    Rule(&'static str),
}
