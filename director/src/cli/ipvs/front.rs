//! `directorctl ipvsadm`, or the same program under the name `ipvsadm`: its command line, its output, its exit status.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use nix::errno::Errno;

use super::connections::{self, Filter, Style};
use super::names::HostNames;
use super::{restore, save, saved_lines, timeouts_line};
use crate::cli::Failure;
use crate::core::plan::Op;
use crate::ipvs::handle::{Refusal, Request};
use crate::ipvs::{Handle, IpvsError};
use crate::ipvsadm::{Command, List, UsageError, list, parse};

const HELP: &str = "\
ipvsadm COMMAND [OPTIONS]; without arguments, lists the table.

  -A, -E, -D SERVICE               add, edit, delete a service
      -s SCHEDULER  -b FLAG,...  -p [SECONDS]  -M MASK  --pe ENGINE  -o
  -a, -e, -d SERVICE -r SERVER     add, edit, delete a real server
      -g | -i | -m  -w WEIGHT  -x UPPER  -y LOWER
      --tun-type ipip|gue|gre  --tun-port PORT  --tun-nocsum | --tun-csum | --tun-remcsum
  -L [SERVICE | -c | --timeout | --daemon]
      -n  --stats  --rate  --thresholds  --persistent-conn  --tun-info  --exact  --nosort
  -Z [SERVICE]                     counters back to 0
  -C, -S, -R                       clear, save to standard output, restore from standard input
  --set TCP TCPFIN UDP             timeouts in seconds; 0 leaves one as it is
  --start-daemon, --stop-daemon master|backup
      --mcast-interface NAME  --syncid N  --sync-maxlen N  --mcast-group IP  --mcast-port N  --mcast-ttl N

SERVICE is -t IP:PORT, -u IP:PORT, --sctp-service IP:PORT, -f MARK or -f MARK -6.
Exit status: 0 done, 2 wrong usage, 255 refused by the kernel, 1 other failures.
";

/// Is this the name of the compatible front?
pub fn is_called(program: &OsStr) -> bool {
    Path::new(program).file_name() == Some(OsStr::new("ipvsadm"))
}

/// Obeys a command line, without the name of the program.
pub async fn run(arguments: &[OsString]) -> ExitCode {
    let arguments: Vec<String> =
        arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let mut out = BufWriter::new(io::stdout().lock());
    let done = match obey(&arguments, &mut out).await {
        Ok(()) => out.flush().map_err(Failure::from),
        // What was printed before the error stays.
        Err(failure) => out.flush().map_err(Failure::from).and(Err(failure)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", message(&failure));
            ExitCode::from(status(&failure))
        }
    }
}

async fn obey(arguments: &[String], out: &mut impl Write) -> Result<(), Failure> {
    if arguments.is_empty() {
        let list = List::Table { key: None, format: Default::default(), sorted: true, exact: false };
        return show(list, out).await;
    }
    match parse(arguments, &HostNames)? {
        Command::Change(op) => {
            if let Some(refusal) = Handle::connect().await?.apply(&[op]).await?.into_iter().next() {
                return Err(IpvsError::from(refusal).into());
            }
        }
        Command::Clear => Handle::connect().await?.flush().await?,
        Command::Restore => restore::run(&saved_lines(None)?, &HostNames).await?,
        Command::Save => save(out).await?,
        Command::List(list) => show(list, out).await?,
        Command::Zero(key) => Handle::connect().await?.zero(key).await?,
        Command::StartDaemon(daemon) => Handle::connect().await?.start_daemon(&daemon).await?,
        Command::StopDaemon(role) => Handle::connect().await?.stop_daemon(role).await?,
        Command::Help => out.write_all(HELP.as_bytes())?,
        Command::Version => {
            writeln!(out, "ipvsadm v1.31 (compatible front of directorctl {})", env!("CARGO_PKG_VERSION"))?;
        }
    }
    Ok(())
}

async fn show(what: List, out: &mut impl Write) -> Result<(), Failure> {
    match what {
        List::Connections { with_engine } => {
            let style = if with_engine { Style::EngineRows } else { Style::Rows };
            connections::show(&Filter::default(), style, out)?;
        }
        List::Timeouts => {
            writeln!(out, "{}", timeouts_line(Handle::connect().await?.timeouts().await?))?;
        }
        List::Daemons => {
            for daemon in Handle::connect().await?.daemons().await? {
                writeln!(out, "{daemon}")?;
            }
        }
        List::Table { key, format, sorted, exact } => {
            let mut handle = Handle::connect().await?;
            let mut table = handle.table().await?;
            match key {
                None => {
                    let info = handle.info().await?;
                    let (major, minor, patch) = info.version;
                    let size = info.table_size;
                    writeln!(out, "IP Virtual Server version {major}.{minor}.{patch} (size={size})")?;
                }
                Some(key) => table.retain(|rows| rows.key == key),
            }
            if key.is_some() && table.is_empty() {
                return Err(Failure::NoService);
            }
            if sorted {
                list::sort(&mut table);
            }
            out.write_all(list::title(format).as_bytes())?;
            for rows in &table {
                out.write_all(list::service(rows, format, exact).as_bytes())?;
            }
        }
    }
    Ok(())
}

/// The exit status that scripts know.
const fn status(failure: &Failure) -> u8 {
    match failure {
        Failure::Usage(UsageError::NoCommand | UsageError::Option { .. }) | Failure::Kernel(_) => 255,
        Failure::Lines(_) => 255,
        Failure::Usage(_) | Failure::Line(_) => 2,
        _ => 1,
    }
}

/// The sentence that scripts know, where ipvsadm has one; otherwise ours.
fn message(failure: &Failure) -> String {
    match failure {
        Failure::Kernel(IpvsError::Refused(refusal)) => refused(refusal),
        Failure::Lines(refusals) => {
            let lines = refusals.iter().map(|(line, refusal)| format!("line {line}: {}", refused(refusal)));
            lines.collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    }
}

fn refused(refusal: &Refusal) -> String {
    let known = match (&refusal.request, refusal.errno) {
        (_, Errno::EPERM) => Some("Permission denied (you must be root)"),
        (Request::StartDaemon(_), Errno::EEXIST) => Some("Daemon has already run"),
        (Request::StopDaemon(_), Errno::ESRCH) => Some("No daemon is running"),
        (Request::Zero(Some(_)), Errno::ESRCH) => Some("Service not defined"),
        (Request::Op(op), errno) => match (&**op, errno) {
            (Op::AddService { .. }, Errno::EEXIST) => Some("Service already exists"),
            (Op::AddServer { .. }, Errno::EEXIST) => Some("Destination already exists"),
            (Op::AddService { .. } | Op::EditService { .. }, Errno::ENOENT) => {
                Some("Scheduler or persistence engine not found")
            }
            (Op::EditServer { .. } | Op::DelServer { .. }, Errno::ENOENT) => Some("No such destination"),
            (Op::AddServer { .. } | Op::EditServer { .. } | Op::DelServer { .. }, Errno::ESRCH) => {
                Some("Service not defined")
            }
            (Op::EditService { .. } | Op::DelService { .. }, Errno::ESRCH) => Some("No such service"),
            _ => None,
        },
        _ => None,
    };
    known.map_or_else(|| refusal.to_string(), str::to_owned)
}
