//! Where a piece of work runs: confined on the running kernel, or confined in the guest.
//!
//! A confinement is a private process, mount and network namespace with a tmpfs on `/run`. Its first process is
//! `lab inside`, which dies with the command that started it and takes everything in it along.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::mount::{MsFlags, mount};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, User, chown};

use crate::guest::{self, tier::Tier};
use crate::lab::topology::Needs;
use crate::{clock, paths};

/// Set in every confinement.
const CONFINED: &str = "EVENKEEL_LAB_CONFINED";
/// What a shell reports for a command that was killed at its deadline (timeout(1) does the same).
pub const DEADLINE_STATUS: i32 = 124;

/// A piece of work: a command, and how it is run.
pub struct Work {
    /// The command, by absolute path, and its arguments.
    pub argv: Vec<String>,
    /// Environment variables that it gets besides the few that every confinement has.
    pub env: Vec<(String, String)>,
    /// It is killed after this time.
    pub deadline: Duration,
    /// The one directory that it may write to for keeps. It must exist.
    pub out_dir: PathBuf,
    /// Where its standard output and error go.
    pub output: Output,
}

/// Where the output of a [`Work`] goes, as it comes.
pub enum Output {
    /// To our standard output, byte for byte.
    Stdout,
    /// To our standard error, byte for byte: for commands whose standard output is a result.
    Stderr,
    /// To a function, line by line.
    Lines(Box<dyn FnMut(&str) + Send>),
}

impl Work {
    /// `lab ARGUMENTS`, with the run directory as the place for results.
    ///
    /// # Errors
    /// The path of the running executable is unknown.
    pub fn lab(arguments: &[&str], run_dir: &Path, deadline: Duration, output: Output) -> Result<Self> {
        let mut argv = vec![paths::binary("lab")?.to_string_lossy().into_owned()];
        argv.extend(arguments.iter().map(|&argument| argument.to_owned()));
        Ok(Self { argv, env: Vec::new(), deadline, out_dir: run_dir.to_path_buf(), output })
    }

    /// The environment of the work: the run directory, a few variables of ours, and what was asked for.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let mut environment =
            vec![(paths::RUN_DIR_VARIABLE.to_owned(), self.out_dir.to_string_lossy().into_owned())];
        for name in ["TERM", "COLUMNS", "LINES", "NO_COLOR", "RUST_BACKTRACE", "RUST_LOG"] {
            environment.extend(std::env::var(name).map(|value| (name.to_owned(), value)));
        }
        environment.extend(self.env.iter().cloned());
        environment
    }
}

/// Runs the work where its needs are met and returns its exit status. An ordinary user, who may not make network
/// namespaces, gets them in the guest.
///
/// # Errors
/// The place cannot be made. A command that fails or meets its deadline is no error here: see the status.
pub fn run(needs: Needs, forced: Option<Tier>, work: Work) -> Result<ExitStatus> {
    if needs == Needs::Namespaces && nix::unistd::geteuid().is_root() {
        return run_here(work);
    }
    match guest::tier::choose(forced)? {
        Tier::Native => run_here(work),
        Tier::Kvm => guest::run(guest::Accelerator::Kvm, work),
        Tier::Tcg => guest::run(guest::Accelerator::Tcg, work),
    }
}

/// Runs the work in a confinement on the running kernel.
///
/// # Errors
/// Not root, or the confinement cannot be made.
pub fn run_here(work: Work) -> Result<ExitStatus> {
    ensure!(nix::unistd::geteuid().is_root(), "network namespaces need root; try `sudo -E cargo lab …`");
    let mut command = confined(&work.argv)?;
    command.envs(work.environment());
    supervise(&mut command, work.output, work.deadline)
}

/// The words that run `argv` as the work of a new confinement.
pub(crate) fn confinement(argv: &[String]) -> Result<Vec<String>> {
    let lab = paths::binary("lab")?.to_string_lossy().into_owned();
    let words =
        ["unshare", "--fork", "--pid", "--mount-proc", "--net", "--kill-child=KILL", &lab, "inside", "--"];
    Ok(words.iter().map(|&word| word.to_owned()).chain(argv.iter().cloned()).collect())
}

/// As [`confinement`], for one that ends when the caller's thread does.
pub(crate) fn confined(argv: &[String]) -> Result<Command> {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).args(confinement(argv)?);
    Ok(command)
}

/// Starts the command, passes on what it says, and waits for its end or kills it at the deadline.
pub(crate) fn supervise(command: &mut Command, output: Output, deadline: Duration) -> Result<ExitStatus> {
    let (reader, writer) = std::io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let child = command.spawn().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    // The command holds the writing ends: give ours away, or the reader never sees the end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let passing = pass_on(reader, output);
    let status = wait(child, deadline)?;
    if passing.join().is_err() {
        bail!("the function that takes the output panicked");
    }
    Ok(status)
}

fn wait(mut child: Child, deadline: Duration) -> Result<ExitStatus> {
    let started = clock::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if started.elapsed() > deadline {
            child.kill()?;
            child.wait()?;
            return Ok(ExitStatus::from_raw(DEADLINE_STATUS << 8));
        }
        clock::pause(Duration::from_millis(10));
    }
}

/// Passes on bytes or lines until the other end closes.
fn pass_on(reader: impl Read + Send + 'static, output: Output) -> JoinHandle<()> {
    thread::spawn(move || match output {
        Output::Stdout => copy(reader, std::io::stdout()),
        Output::Stderr => copy(reader, std::io::stderr()),
        Output::Lines(mut take) => {
            for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
                take(String::from_utf8_lossy(&line).trim_end_matches('\r'));
            }
        }
    })
}

/// Flushes after every read, so that progress shows as it is made.
fn copy(mut reader: impl Read, mut writer: impl Write) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = reader.read(&mut buffer) {
        // A reader that has gone away is no reason to stop the work.
        let _ = writer.write_all(&buffer[..count]).and_then(|()| writer.flush());
    }
}

/// Is this a confined place?
///
/// # Errors
/// It is not; the message says what to do.
pub fn ensure_confined() -> Result<()> {
    ensure!(
        std::env::var_os(CONFINED).is_some(),
        "this runs only in a lab's confinement: start it by `cargo lab`"
    );
    Ok(())
}

/// The first process of a confinement: makes `/run` private, runs `argv`, and returns its exit status.
///
/// # Errors
/// This is no new process namespace, or the command cannot be started.
pub fn inside(argv: &[String]) -> Result<i32> {
    ensure!(
        std::process::id() == 1,
        "`lab inside` is the first process of a confinement; use `cargo lab up`"
    );
    let (program, arguments) = argv.split_first().context("`lab inside` needs a command")?;
    private_run()?;
    run_ip(&["link", "set", "lo", "up"])?;
    let child = Command::new(program).args(arguments).env(CONFINED, "1").spawn();
    let child = child.with_context(|| format!("cannot start {program}"))?;
    reap_until(Pid::from_raw(i32::try_from(child.id())?))
}

fn private_run() -> Result<()> {
    let none: Option<&str> = None;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), Some("mode=755"))
        .context("cannot mount /run")?;
    for directory in ["/run/netns", "/run/lab", "/run/lock", "/run/frr"] {
        fs::create_dir_all(directory)?;
    }
    if let Some(frr) = User::from_name("frr")? {
        chown("/run/frr", Some(frr.uid), Some(frr.gid))?;
    }
    // /sys shows the network namespace in which it was mounted; one that cannot be renewed is of no use to the lab anyway.
    let _ = mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), none);
    Ok(())
}

fn run_ip(arguments: &[&str]) -> Result<()> {
    let status = Command::new("ip").args(arguments).status().context("cannot run ip")?;
    ensure!(status.success(), "ip {}: {status}", arguments.join(" "));
    Ok(())
}

/// The first process inherits orphans: it reaps them, until its own child ends.
fn reap_until(child: Pid) -> Result<i32> {
    loop {
        match waitpid(None, None).context("cannot wait")? {
            WaitStatus::Exited(pid, status) if pid == child => return Ok(status),
            WaitStatus::Signaled(pid, signal, _) if pid == child => return Ok(128 + signal as i32),
            _ => {}
        }
    }
}

/// Keeps two commands from doing the same work, such as preparing the guest, at once. Released when dropped.
///
/// # Errors
/// The file cannot be made or locked.
pub(crate) fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}
