//! The boot count: the upper half of sequence numbers of 64 bits (RFC 7474 §2). It rises with each start, and is in the file
//! before it is used.
//!
//! It is the larger of two: one more than what the file says, and the seconds since 1970. So it rises, too, when the file is
//! lost, as long as the clock is right; RFC 7474 §8 would have all keys replaced then. The file is written to a sibling, synced and renamed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tracing::warn;

const FILE_NAME: &str = "ospfd-boots";

/// The file, and what came of it.
#[derive(Debug)]
pub struct BootFile {
    path: PathBuf,
    /// The count that the file holds, as far as we know.
    stored: u32,
    /// Why the file could not be read or written, until somebody is told.
    error: Option<io::Error>,
}

impl BootFile {
    /// Counts one more boot in the file in `state_dir`; the count is that of this life.
    pub fn count(state_dir: &Path, unix_micros: u64) -> (Self, u32) {
        let path = state_dir.join(FILE_NAME);
        let (stored, error) = match read(&path) {
            Ok(stored) => (stored, None),
            Err(error) => (0, Some(error)),
        };
        let seconds = u32::try_from(unix_micros / 1_000_000).unwrap_or(u32::MAX);
        let boots = seconds.max(stored.saturating_add(1));
        let mut file = Self { path, stored, error };
        file.write(boots);
        (file, boots)
    }

    /// Sees to it that the file holds `boots`, which is in use. Complains once if it does not.
    pub fn cover(&mut self, boots: u32) {
        if boots > self.stored {
            self.write(boots);
        }
        if let Some(error) = self.error.take() {
            warn!(
                path = %self.path.display(), %error,
                "extended sequence numbers go by the clock alone: after a restart with a clock that was set back neighbours \
                 ignore us; make the state directory writable (`state_dir` chooses another)"
            );
        }
    }

    fn write(&mut self, boots: u32) {
        // Whether or not it can be written: a file that cannot is not tried for each packet.
        self.stored = boots;
        if let Err(error) = replace(&self.path, boots) {
            self.error = Some(error);
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

fn replace(path: &Path, boots: u32) -> io::Result<()> {
    let fresh = path.with_extension("new");
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::create(&fresh)?;
    writeln!(file, "{boots}")?;
    file.sync_all()?;
    fs::rename(fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-20 in µs.
    const NOW: u64 = 1_795_132_800_000_000;
    const SECONDS: u32 = 1_795_132_800;

    fn boots(folder: &Path, unix_micros: u64) -> u32 {
        BootFile::count(folder, unix_micros).1
    }

    #[test]
    fn each_boot_counts_one_more_though_the_clock_stands_or_goes_back() {
        let folder = tempfile::tempdir().unwrap();
        let counts = [NOW, NOW, 0, NOW - 1].map(|now| boots(folder.path(), now));
        assert_eq!(counts, [SECONDS, SECONDS + 1, SECONDS + 2, SECONDS + 3]);
    }

    #[test]
    fn a_count_that_went_on_within_a_life_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, count) = BootFile::count(folder.path(), NOW);
        file.cover(count + 1);
        assert_eq!(boots(folder.path(), 0), count + 2);
    }

    #[test]
    fn without_its_file_the_clock_keeps_it_rising() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(boots(folder.path(), NOW), SECONDS);
        fs::remove_file(folder.path().join(FILE_NAME)).unwrap();
        assert_eq!(boots(folder.path(), NOW + 5_000_000), SECONDS + 5);
        fs::write(folder.path().join(FILE_NAME), "many\n").unwrap();
        assert_eq!(boots(folder.path(), NOW + 6_000_000), SECONDS + 6);
    }

    #[test]
    fn a_boot_that_was_cut_off_while_writing_leaves_the_old_count() {
        let folder = tempfile::tempdir().unwrap();
        let first = boots(folder.path(), NOW);
        fs::write(folder.path().join("ospfd-boots.new"), "").unwrap();
        assert_eq!(boots(folder.path(), 0), first + 1);
    }
}
