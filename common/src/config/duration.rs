//! Durations with units in configuration files: `"150ms"`, `"2s"`, `"1m 30s"`.

use std::fmt;
use std::time::Duration;

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

struct Text;

impl Visitor<'_> for Text {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration with its unit, like \"150ms\", \"2s\" or \"1m 30s\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        humantime::parse_duration(text).map_err(|error| {
            E::custom(format!("`{text}` is no duration ({error}); write \"150ms\", \"2s\" or \"1m 30s\""))
        })
    }
}

/// Reads a duration; for `#[serde(deserialize_with)]`.
///
/// # Errors
/// The text has no unit, or is not a duration.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_str(Text)
}

/// Writes a duration; for `#[serde(serialize_with)]`.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_duration(*span))
}

/// The same for a key that may be left out.
pub mod option {
    use super::{Deserializer, Duration, Serializer, Text};

    /// Reads a duration; for `#[serde(with)]` together with `#[serde(default)]`.
    ///
    /// # Errors
    /// The text has no unit, or is not a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        deserializer.deserialize_str(Text).map(Some)
    }

    /// Writes a duration, or nothing.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => super::serialize(span, serializer),
            None => serializer.serialize_none(),
        }
    }
}
