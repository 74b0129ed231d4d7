//! Logging: `tracing` to standard error, where systemd's journal or a terminal picks it up.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of text per event.
    #[default]
    Text,
    /// One JSON object per event.
    Json,
}

/// Starts logging. `filter` is in `tracing`'s directive syntax (`info`, `ospfd=debug,info`); the environment variable
/// `EVENKEEL_LOG` overrides it.
///
/// # Errors
/// The filter in words, when it cannot be parsed, or when logging has been started already.
pub fn start(filter: &str, format: LogFormat) -> Result<(), TelemetryError> {
    let text = std::env::var("EVENKEEL_LOG").unwrap_or_else(|_| filter.to_owned());
    let filter =
        EnvFilter::try_new(&text).map_err(|error| TelemetryError::Filter(text, error.to_string()))?;
    let colour = std::io::stderr().is_terminal();
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour);
    match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    }
    .map_err(|error| TelemetryError::Started(error.to_string()))
}

/// Why logging could not be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not in the directive syntax.
    #[error("the log filter `{0}` cannot be read: {1}. Write for instance `info` or `ospfd=debug,info`")]
    Filter(String, String),
    /// There is a subscriber already.
    #[error("logging was started twice: {0}")]
    Started(String),
}
