//! Drains, remembered over restarts: a host that was drained for maintenance stays so until somebody takes it back.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::core::gate::Drains;

const FILE_NAME: &str = "director-drained";
const HEADER: &str = "# What is drained: `host`, or a VIP per line. `directorctl undrain` takes it back.";

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DrainsError {
    /// It cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write {}: {error}; the state directory must be writable (`state_dir` chooses another)", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A line is not ours.
    #[error("{}:{line}: `{text}` is neither `host` nor an address; delete the line, or the file", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
}

/// Reads what is drained; a missing file means nothing.
///
/// # Errors
/// The file cannot be read, or a line in it is not ours.
pub fn load(state_dir: &Path) -> Result<Drains, DrainsError> {
    let path = state_dir.join(FILE_NAME);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(DrainsError::Read { path, error }),
    };
    let mut drains = Drains::default();
    for (index, line) in text.lines().enumerate() {
        match (line, line.parse::<IpAddr>()) {
            ("host", _) => drains.host = true,
            (_, Ok(vip)) => drop(drains.vips.insert(vip)),
            _ if line.is_empty() || line.starts_with('#') => {}
            _ => return Err(DrainsError::Line { path, line: index + 1, text: line.to_owned() }),
        }
    }
    Ok(drains)
}

/// Writes what is drained; the file is replaced whole.
///
/// # Errors
/// The file cannot be written; it is as it was then.
pub fn save(state_dir: &Path, drains: &Drains) -> Result<(), DrainsError> {
    let path = state_dir.join(FILE_NAME);
    write(state_dir, &path, drains).map_err(|error| DrainsError::Write { path, error })
}

fn write(state_dir: &Path, path: &Path, drains: &Drains) -> io::Result<()> {
    fs::create_dir_all(state_dir)?;
    let mut text = format!("{HEADER}\n");
    if drains.host {
        text.push_str("host\n");
    }
    for vip in &drains.vips {
        text.push_str(&format!("{vip}\n"));
    }
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drain_is_there_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("made-on-demand");
        assert_eq!(load(&state).unwrap(), Drains::default());
        let drains = Drains { host: true, vips: ["192.0.2.1".parse().unwrap()].into() };
        save(&state, &drains).unwrap();
        assert_eq!(load(&state).unwrap(), drains);
        save(&state, &Drains::default()).unwrap();
        assert_eq!(load(&state).unwrap(), Drains::default());
    }

    #[test]
    fn a_strange_line_is_named_with_its_number() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE_NAME), format!("{HEADER}\nhost\nhorst\n")).unwrap();
        let error = load(dir.path()).unwrap_err().to_string();
        assert!(error.contains("director-drained:3: `horst` is neither"), "{error}");
    }
}
