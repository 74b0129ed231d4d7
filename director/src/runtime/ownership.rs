//! What is ours in the kernel, remembered over restarts.
//!
//! A service or an address that the configuration no longer names must be removed even when the daemon was not
//! running as it went away, and one that somebody else made must never be. So each is written down before it is made,
//! and struck out after it is gone. The file is replaced whole (written beside, synced, renamed).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::core::plan::Owned;
use crate::model::ServiceKey;

/// Where the daemon keeps its state unless told otherwise.
pub const DEFAULT_STATE_DIR: &str = "/var/lib/evenkeel";
const FILE_NAME: &str = "director-owned";
const HEADER: &str = "# What director made in this kernel, one per line. It removes these, and nothing else.";

/// The services and addresses that are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    path: PathBuf,
    services: Owned,
    addresses: BTreeSet<IpAddr>,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OwnershipError {
    /// It cannot be read.
    #[error("cannot read {}: {error}; without it, services of earlier configurations would stay in the kernel", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write {}: {error}; the state directory must exist and be writable (`state-dir` chooses another)", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A line is not ours.
    #[error("{}:{line}: `{text}` is neither `service ...` nor `address ...`; delete the line, or the file", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
}

impl Ownership {
    /// Reads the file in `state_dir`; a missing one means that nothing is ours yet.
    pub fn load(state_dir: &Path) -> Result<Self, OwnershipError> {
        let path = state_dir.join(FILE_NAME);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(OwnershipError::Read { path, error }),
        };
        let mut ownership = Self { path, services: Owned::new(), addresses: BTreeSet::new() };
        for (index, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if ownership.read_line(line).is_none() {
                let path = ownership.path;
                return Err(OwnershipError::Line { path, line: index + 1, text: line.to_owned() });
            }
        }
        Ok(ownership)
    }

    /// The services that are ours.
    pub const fn services(&self) -> &Owned {
        &self.services
    }

    /// The addresses that are ours.
    pub const fn addresses(&self) -> &BTreeSet<IpAddr> {
        &self.addresses
    }

    /// Writes down that these services are ours, before they are made.
    pub fn claim_services(&mut self, keys: &Owned) -> Result<(), OwnershipError> {
        self.change(|this| this.services.extend(keys))
    }

    /// Writes down that these addresses are ours, before they are made.
    pub fn claim_addresses(&mut self, addresses: &BTreeSet<IpAddr>) -> Result<(), OwnershipError> {
        self.change(|this| this.addresses.extend(addresses))
    }

    /// Strikes out the services for which `keep` is false, after they are gone.
    pub fn keep_services(&mut self, keep: impl FnMut(&ServiceKey) -> bool) -> Result<(), OwnershipError> {
        self.change(|this| this.services.retain(keep))
    }

    /// Strikes out the addresses for which `keep` is false, after they are gone.
    pub fn keep_addresses(&mut self, keep: impl FnMut(&IpAddr) -> bool) -> Result<(), OwnershipError> {
        self.change(|this| this.addresses.retain(keep))
    }

    /// Saves when `edit` changed anything; what could not be saved is not changed.
    fn change(&mut self, edit: impl FnOnce(&mut Self)) -> Result<(), OwnershipError> {
        let mut changed = self.clone();
        edit(&mut changed);
        if changed != *self {
            changed.save().map_err(|error| OwnershipError::Write { path: self.path.clone(), error })?;
            *self = changed;
        }
        Ok(())
    }

    fn read_line(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.split_once(' ')?;
        match word {
            "service" => self.services.insert(rest.parse().ok()?),
            "address" => self.addresses.insert(rest.parse().ok()?),
            _ => return None,
        };
        Some(())
    }

    fn save(&self) -> io::Result<()> {
        if let Some(dir) = self.path.parent() {
            fs::create_dir_all(dir)?;
        }
        let mut text = format!("{HEADER}\n");
        for key in &self.services {
            text.push_str(&format!("service {key}\n"));
        }
        for address in &self.addresses {
            text.push_str(&format!("address {address}\n"));
        }
        let beside = self.path.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_claimed_is_there_after_a_restart_and_what_is_struck_out_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("made-on-demand");
        let mut ownership = Ownership::load(&state).unwrap();
        assert!(ownership.services().is_empty());

        let keys: Owned = ["tcp 10.0.0.1:80", "udp [2001:db8::1]:53", "fwmark 7", "fwmark 7 ipv6"]
            .map(|text| text.parse().unwrap())
            .into();
        let addresses: BTreeSet<IpAddr> =
            ["10.0.0.1", "2001:db8::1"].map(|text| text.parse().unwrap()).into();
        ownership.claim_services(&keys).unwrap();
        ownership.claim_addresses(&addresses).unwrap();
        let again = Ownership::load(&state).unwrap();
        assert_eq!((again.services(), again.addresses()), (&keys, &addresses));

        ownership.keep_services(ServiceKey::is_ipv6).unwrap();
        ownership.keep_addresses(|_| false).unwrap();
        let again = Ownership::load(&state).unwrap();
        assert_eq!(again.services().len(), 2);
        assert!(again.addresses().is_empty());
    }

    #[test]
    fn a_strange_line_is_named_with_its_number() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE_NAME), format!("{HEADER}\nservice tcp 10.0.0.1:80\nservice sctp 1\n"))
            .unwrap();
        let error = Ownership::load(dir.path()).unwrap_err().to_string();
        assert!(error.contains("director-owned:3: `service sctp 1`"), "{error}");
    }

    #[test]
    fn what_cannot_be_written_down_is_not_claimed() {
        let dir = tempfile::tempdir().unwrap();
        let blocked = dir.path().join("file");
        fs::write(&blocked, "").unwrap();
        let mut ownership =
            Ownership { path: blocked.join("x"), services: Owned::new(), addresses: BTreeSet::new() };
        let keys = ["fwmark 7".parse().unwrap()].into();
        assert!(matches!(ownership.claim_services(&keys), Err(OwnershipError::Write { .. })));
        assert!(ownership.services().is_empty());
    }
}
