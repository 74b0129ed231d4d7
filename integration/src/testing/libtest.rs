//! Runs test binaries and reads what they say. What was listed and did not report counts as failed.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::build::TestBinary;
use crate::paths::RUN_DIR_VARIABLE;

/// Names of tests by how they ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outcomes {
    pub(super) passed: BTreeSet<String>,
    pub(super) failed: BTreeSet<String>,
}

impl Outcomes {
    /// Adds a binary's outcomes, under `BINARY::`.
    pub(super) fn add(&mut self, binary: &str, other: Self) {
        self.passed.extend(other.passed.into_iter().map(|name| format!("{binary}::{name}")));
        self.failed.extend(other.failed.into_iter().map(|name| format!("{binary}::{name}")));
    }

    /// Counts something as a failed test.
    pub(super) fn fail(&mut self, what: &str) {
        self.failed.insert(what.to_owned());
    }

    /// These outcomes, with every expected test that is not among them as failed for `reason`.
    pub(super) fn against(mut self, expected: &BTreeSet<String>, reason: &str) -> Self {
        let silent = |name: &&String| !self.passed.contains(*name) && !self.failed.contains(*name);
        let lost: Vec<String> =
            expected.iter().filter(silent).map(|name| format!("{name} ({reason})")).collect();
        self.failed.extend(lost);
        self
    }

    /// Reads one line of a test binary.
    fn read(&mut self, line: &str) {
        let Some((name, result)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... "))
        else {
            return;
        };
        let name = name.trim_end_matches(" - should panic").to_owned();
        match result.trim() {
            "ok" => self.passed.insert(name),
            "FAILED" => self.failed.insert(name),
            // `ignored` and its reason.
            _ => false,
        };
    }
}

/// Which tests of a binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// Those that are not ignored.
    Plain,
    /// Those that are.
    Ignored,
}

/// A test binary, and how it is called.
pub(super) struct Invocation<'a> {
    pub(super) binary: &'a Path,
    pub(super) directory: &'a Path,
    pub(super) filter: Option<&'a str>,
    pub(super) threads: Option<&'a str>,
    /// Where it leaves what it has to show; `None`: where ours is.
    pub(super) run_dir: Option<&'a Path>,
}

impl Invocation<'_> {
    fn command(&self, selection: Selection) -> Command {
        let mut command = Command::new(self.binary);
        command.current_dir(self.directory).args(self.filter).env("CARGO_MANIFEST_DIR", self.directory);
        if let Some(run_dir) = self.run_dir {
            command.env(RUN_DIR_VARIABLE, run_dir);
        }
        if selection == Selection::Ignored {
            command.arg("--ignored");
        }
        command
    }
}

/// Runs the selected tests.
pub(super) fn run(
    invocation: &Invocation<'_>,
    selection: Selection,
    show: &mut dyn FnMut(&str),
) -> Result<Outcomes> {
    let expected = list(invocation, selection)?;
    if expected.is_empty() {
        return Ok(Outcomes::default());
    }
    let mut command = invocation.command(selection);
    if let Some(threads) = invocation.threads {
        command.args(["--test-threads", threads]);
    }
    let (status, outcomes) = stream(&mut command, show)?;
    Ok(outcomes.against(&expected, &format!("did not report; the binary ended with {status}")))
}

/// Names of all ignored tests of the binaries, as [`Outcomes`] name them.
pub(super) fn list_ignored(binaries: &[&TestBinary], filter: Option<&str>) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for binary in binaries {
        let invocation = Invocation {
            binary: &binary.path,
            directory: &binary.directory,
            filter,
            threads: None,
            run_dir: None,
        };
        let listed = list(&invocation, Selection::Ignored)?;
        names.extend(listed.iter().map(|name| format!("{}::{name}", binary.target)));
    }
    Ok(names)
}

fn list(invocation: &Invocation<'_>, selection: Selection) -> Result<BTreeSet<String>> {
    let names = |selection| -> Result<BTreeSet<String>> {
        let output = invocation.command(selection).args(["--list", "--format", "terse"]).output();
        let output = output.with_context(|| format!("cannot run {}", invocation.binary.display()))?;
        ensure!(output.status.success(), "{} --list: {}", invocation.binary.display(), output.status);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
    };
    let ignored = names(Selection::Ignored)?;
    match selection {
        Selection::Ignored => Ok(ignored),
        // `--list` names ignored tests too.
        Selection::Plain => Ok(names(Selection::Plain)?.difference(&ignored).cloned().collect()),
    }
}

/// Runs a command that prints as test binaries do, shows its lines, and reads them.
pub(super) fn stream(command: &mut Command, show: &mut dyn FnMut(&str)) -> Result<(ExitStatus, Outcomes)> {
    let (reader, writer) = std::io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    // The command holds the writing ends: give ours away, or the end never comes.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut outcomes = Outcomes::default();
    for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        outcomes.read(&line);
        show(&line);
    }
    Ok((child.wait()?, outcomes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn lines_of_a_test_binary_are_read() {
        let mut outcomes = Outcomes::default();
        let lines = [
            "running 3 tests",
            "test a::b ... ok",
            "test c - should panic ... ok",
            "test d ... FAILED",
            "test e ... ignored, why",
        ];
        lines.iter().for_each(|line| outcomes.read(line));
        assert_eq!(outcomes, Outcomes { passed: names(&["a::b", "c"]), failed: names(&["d"]) });
    }

    #[test]
    fn a_test_that_did_not_report_has_failed() {
        let outcomes = Outcomes { passed: names(&["a"]), failed: names(&["b"]) };
        let judged = outcomes.against(&names(&["a", "b", "c"]), "lost");
        assert_eq!(judged, Outcomes { passed: names(&["a"]), failed: names(&["b", "c (lost)"]) });
    }
}
