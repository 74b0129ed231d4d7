//! Where our cryptographic sequence numbers begin: above all that were sent before, whatever happened in between.
//!
//! A neighbour that remembers a higher number ignores us until it has declared us dead. The numbers have 32 bits and must last
//! beyond any life of ours, so they begin at the seconds since 1970 (which end in 2106) and count packets from there. An
//! interface that sends more than one packet a second, as with a hello each second, runs ahead of the clock; and a clock
//! may be wrong after a boot. So a file says how far numbers may have been used: it is written before they are, some thousand ahead,
//! that it be written seldom. A crash then wastes at most that many. The file is replaced by renaming and not synced: it has to
//! survive the process, and after a loss of power the seconds of the boot are what is needed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tracing::warn;

const FILE_NAME: &str = "ospfd-sequence";
/// How far ahead of use the file is written.
const RESERVE: u32 = 4096;

/// The file, and what it says.
#[derive(Debug)]
pub struct SequenceFile {
    path: PathBuf,
    /// Numbers up to here may have been used, as far as the file says.
    covered: u32,
    /// A complaint has been made; one is enough.
    told: bool,
}

impl SequenceFile {
    /// The file in `state_dir`, and the number that the first one sent must exceed.
    pub fn open(state_dir: &Path, unix_micros: u64) -> (Self, u32) {
        let mut file = Self { path: state_dir.join(FILE_NAME), covered: 0, told: false };
        let stored = match read(&file.path) {
            Ok(stored) => stored,
            Err(error) => {
                file.tell(&error);
                0
            }
        };
        let seconds = u32::try_from(unix_micros / 1_000_000).unwrap_or(u32::MAX);
        file.covered = stored;
        (file, seconds.max(stored))
    }

    /// Sees to it that the file covers all numbers up to `highest`. To be called before packets with them are sent.
    pub fn cover(&mut self, highest: u32) {
        if highest > self.covered {
            self.write(highest.saturating_add(RESERVE));
        }
    }

    /// Says in the file how far numbers were really used, at a clean end.
    pub fn close(&mut self, highest: u32) {
        if self.covered > highest {
            self.write(highest);
        }
    }

    fn write(&mut self, covered: u32) {
        // Whether or not it can be written: a file that cannot is not tried for each packet.
        self.covered = covered;
        if let Err(error) = replace(&self.path, covered) {
            self.tell(&error);
        }
    }

    fn tell(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.told, true) {
            warn!(
                path = %self.path.display(), %error,
                "cryptographic sequence numbers go by the clock alone: after a restart neighbours may ignore us until they declare \
                 us dead; make the state directory writable (`state_dir` chooses another)"
            );
        }
    }
}

fn read(path: &Path) -> io::Result<u32> {
    match fs::read_to_string(path) {
        Ok(text) => text.trim().parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

fn replace(path: &Path, covered: u32) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let fresh = path.with_extension("new");
    fs::write(&fresh, format!("{covered}\n"))?;
    fs::rename(fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-20 in µs.
    const NOW: u64 = 1_795_132_800_000_000;
    const SECONDS: u32 = 1_795_132_800;

    #[test]
    fn numbers_begin_at_the_clock() {
        let folder = tempfile::tempdir().unwrap();
        let (_, start) = SequenceFile::open(folder.path(), NOW);
        assert_eq!(start, SECONDS);
    }

    #[test]
    fn after_a_crash_they_begin_above_all_that_were_used_though_the_clock_has_gone_back() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, start) = SequenceFile::open(folder.path(), NOW);
        for highest in [start + 1, start + 100, start + 5_000, start + 9_999] {
            file.cover(highest);
            let (_, again) = SequenceFile::open(folder.path(), 0);
            assert!(again >= highest, "{again} after {highest}");
            assert!(again <= highest + RESERVE);
        }
    }

    #[test]
    fn a_clean_end_wastes_none() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, start) = SequenceFile::open(folder.path(), NOW);
        file.cover(start + 1);
        file.close(start + 7);
        assert_eq!(SequenceFile::open(folder.path(), 0).1, start + 7);
    }

    #[test]
    fn the_file_is_written_seldom() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, start) = SequenceFile::open(folder.path(), NOW);
        file.cover(start + 1);
        fs::remove_file(folder.path().join(FILE_NAME)).unwrap();
        file.cover(start + 1 + RESERVE);
        assert!(!folder.path().join(FILE_NAME).exists());
        file.cover(start + 2 + RESERVE);
        assert!(folder.path().join(FILE_NAME).exists());
    }

    #[test]
    fn a_file_that_is_not_ours_leaves_the_clock() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE_NAME), "many\n").unwrap();
        assert_eq!(SequenceFile::open(folder.path(), NOW).1, SECONDS);
    }

    #[test]
    fn the_seconds_fit_until_2106_and_stay_at_the_end_then() {
        let folder = tempfile::tempdir().unwrap();
        let last_second = u64::from(u32::MAX) * 1_000_000;
        assert_eq!(SequenceFile::open(folder.path(), last_second).1, u32::MAX);
        assert_eq!(SequenceFile::open(folder.path(), last_second * 2).1, u32::MAX);
    }
}
