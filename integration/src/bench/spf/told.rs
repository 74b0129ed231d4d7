//! What a daemon tells of its last whole route calculation.
//!
//! Ours answers in microseconds, from the expiry of the timer to the list of routes that change. FRR answers in milliseconds
//! cut off (microseconds below one), with the handing over of routes to zebra. BIRD does not tell: the times in its log
//! are those of its loop, the same for all that one turn of it does.

use std::time::Duration;

use anyhow::{Result, bail};
use common::control::frame::Client;
use common::control::ospf::status::SpfView;
use common::control::ospf::{Request, Response};
use common::time::Instant;
use tokio::runtime::Runtime;

use crate::clock::until_some;
use crate::lab::topology::Software;
use crate::node::Node;
use crate::observe::clock::Clock;

const START_LIMIT: Duration = Duration::from_secs(30);

/// A daemon to ask, and up to where it has been heard.
pub(super) enum Told {
    /// `runs`: how many there were at the mark.
    Ours { client: Box<Client>, runtime: Runtime, runs: u64 },
    /// FRR says how long ago the last one was.
    Frr { clock: Clock, marked_at: Instant },
    /// BIRD does not tell.
    Silent,
}

impl Told {
    /// By the running daemon of a node.
    ///
    /// # Errors
    /// It does not answer, or cannot be asked.
    pub(super) fn by(clock: Clock, node: &Node) -> Result<Self> {
        Ok(match node.software() {
            Software::Ours { .. } => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let socket = node.control_socket("ospfd");
                let client = until_some(START_LIMIT, "ospfd answers", || {
                    runtime.block_on(Client::connect(&socket)).ok()
                })?;
                Self::Ours { client: Box::new(client), runtime, runs: 0 }
            }
            Software::Frr { .. } => Self::Frr { clock, marked_at: clock.now() },
            Software::Bird { .. } => Self::Silent,
            Software::Host => bail!("{} calculates no routes", node.name()),
        })
    }

    /// Is there a figure?
    pub(super) const fn tells(&self) -> bool {
        !matches!(self, Self::Silent)
    }

    /// What has been until now does not count.
    ///
    /// # Errors
    /// The daemon does not answer.
    pub(super) fn mark(&mut self) -> Result<()> {
        match self {
            Self::Ours { client, runtime, runs } => *runs = ask(client, runtime)?.full_runs,
            Self::Frr { clock, marked_at } => *marked_at = clock.now(),
            Self::Silent => {}
        }
        Ok(())
    }

    /// How long a calculation since the mark took, once there is one.
    pub(super) fn took(&mut self, node: &Node) -> Option<Duration> {
        match self {
            Self::Ours { client, runtime, runs } => {
                let view = ask(client, runtime).ok()?;
                (view.full_runs > *runs).then(|| Duration::from_micros(view.last_duration_usec))
            }
            Self::Frr { clock, marked_at } => {
                let said = node.vtysh("show ip ospf").ok()?;
                // Read after the answer, so that a slow one does not make the calculation look older than the mark.
                let passed = clock.since(*marked_at);
                let ago = frr_span(&said, "SPF algorithm last executed ")?;
                (ago < passed).then(|| frr_span(&said, "Last SPF duration "))?
            }
            Self::Silent => None,
        }
    }
}

fn ask(client: &mut Client, runtime: &Runtime) -> Result<SpfView> {
    match runtime.block_on(client.call(&Request::ShowSpf))? {
        Response::Spf(view) => Ok(view),
        other => bail!("ospfd answers something else: {other:?}"),
    }
}

/// `237 usecs`, or seconds with three digits, `0.032s`, behind a heading. Longer ones are of no use here.
fn frr_span(said: &str, heading: &str) -> Option<Duration> {
    let mut words = said.lines().find_map(|line| line.trim().strip_prefix(heading))?.split_whitespace();
    let number = words.next()?;
    if words.next() == Some("usecs") {
        return Some(Duration::from_micros(number.parse().ok()?));
    }
    Duration::try_from_secs_f64(number.strip_suffix('s')?.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frr_tells_spans_in_microseconds_and_in_seconds() {
        let said = " SPF algorithm last executed 1.203s ago\n Last SPF duration 237 usecs\n";
        assert_eq!(frr_span(said, "SPF algorithm last executed "), Some(Duration::from_millis(1203)));
        assert_eq!(frr_span(said, "Last SPF duration "), Some(Duration::from_micros(237)));
        assert_eq!(
            frr_span(" Last SPF duration 0.032s", "Last SPF duration "),
            Some(Duration::from_millis(32))
        );
        assert_eq!(frr_span(" SPF algorithm has not been run", "Last SPF duration "), None);
    }
}
