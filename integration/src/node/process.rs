//! Processes as values: started in a namespace, logged to a file, killed when dropped.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::clock;

/// What a finished command left.
#[derive(Clone, Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Standard output of a command that must have succeeded.
    ///
    /// # Errors
    /// It did not exit with 0; the message carries what it said.
    pub fn ok(self) -> Result<String> {
        ensure!(self.status.success(), "{}: {}{}", self.status, self.stderr, self.stdout);
        Ok(self.stdout)
    }
}

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// Starts `command` with standard output and error going to the end of `log`. The caller's thread decides the network namespace.
    pub(crate) fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(log);
        let file = file.with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("cannot start {:?}", command.get_program()))?;
        Ok(Self { name: name.to_owned(), log: log.to_path_buf(), child })
    }

    /// What it is called in its node.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The file that has what it said.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// It has already ended and was waited for.
    pub fn kill(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?);
        kill(pid, signal).with_context(|| format!("cannot send {signal} to {}", self.name))
    }

    /// True while it runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It still runs after `within`.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus> {
        let child = &mut self.child;
        clock::until_some(within, &format!("{} ends", self.name), || child.try_wait().ok().flatten())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Either it has ended already, or this ends it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end, at most for `within`, and returns what it said. The caller's thread decides the network namespace.
pub(crate) fn run(command: &mut Command, within: Duration) -> Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let started = clock::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > within {
            child.kill()?;
            child.wait()?;
            bail!("{command:?} was killed after {within:?}");
        }
        clock::pause(Duration::from_millis(1));
    };
    let text =
        |reader: thread::JoinHandle<String>| reader.join().map_err(|_| anyhow!("a reading thread panicked"));
    Ok(Output { status, stdout: text(stdout)?, stderr: text(stderr)? })
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // A pipe that breaks has given all that it will give.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The last lines of a log, for a failing test's report.
pub(crate) fn tail(log: &Path, lines: usize) -> String {
    let mut text = String::new();
    if let Ok(mut file) = File::open(log) {
        // A log that cannot be read reads as empty.
        let _ = file.read_to_string(&mut text);
    }
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
