//! What a process has cost so far, from /proc: processor time and memory.

use std::fs;
use std::io;

/// Ticks per second of the times in /proc/PID/stat; Linux shows 100 to user space on every architecture.
const TICKS_PER_S: f64 = 100.0;

/// The cost of one process, or the sum of several.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Processor seconds, user and system.
    pub cpu_s: f64,
    /// Peak resident memory in MiB.
    pub rss_mib: f64,
}

impl Cost {
    /// The cost of `pid` up to now.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn of(pid: u32) -> io::Result<Self> {
        Ok(Self {
            cpu_s: parse_cpu(&fs::read_to_string(format!("/proc/{pid}/stat"))?),
            rss_mib: parse_peak(&fs::read_to_string(format!("/proc/{pid}/status"))?),
        })
    }

    /// The sum over `pids`; processes that have ended count as nothing.
    pub fn of_all(pids: &[u32]) -> Self {
        pids.iter().filter_map(|pid| Self::of(*pid).ok()).fold(Self::default(), |sum, one| Self {
            cpu_s: sum.cpu_s + one.cpu_s,
            rss_mib: sum.rss_mib + one.rss_mib,
        })
    }
}

/// Fields 14 and 15 (utime, stime); the command in field 2 may hold spaces, so counting starts behind its parenthesis.
fn parse_cpu(stat: &str) -> f64 {
    let behind = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = behind.split_whitespace().skip(11).take(2).filter_map(|w| w.parse::<f64>().ok()).sum();
    ticks / TICKS_PER_S
}

fn parse_peak(status: &str) -> f64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|kib| kib.parse::<f64>().ok())
        .map_or(0.0, |kib| kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_an_awkward_name() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 1 0 100 1000 10 0";
        assert!((parse_cpu(stat) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn this_process_has_memory() {
        let cost = Cost::of(std::process::id()).expect("we run");
        assert!(cost.rss_mib > 0.1, "{cost:?}");
    }
}
