//! How many routes the kernel holds in a namespace, without reading them.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use common::time::Instant;

use super::clock::Clock;
use crate::clock::pause;
use crate::node::Node;

/// IPv4 prefixes of the main table, the kernel's own included.
///
/// # Errors
/// The kernel does not tell.
pub fn prefixes(node: &Node) -> Result<usize> {
    let text = node.namespace().enter(|| fs::read_to_string("/proc/thread-self/net/fib_triestat"))?;
    parse(&text.context("cannot read fib_triestat")?).context("fib_triestat does not tell of prefixes")
}

/// Waits until the table has `more` prefixes than `before`, looking at it at intervals; returns when it had.
///
/// # Errors
/// They are not there in time.
pub fn until_more(
    node: &Node,
    clock: Clock,
    (before, more): (usize, usize),
    (look, limit): (Duration, Duration),
) -> Result<Instant> {
    let start_at = clock.now();
    loop {
        let there = prefixes(node)?.saturating_sub(before);
        let now = clock.now();
        if there >= more {
            return Ok(now);
        }
        ensure!(now.since(start_at) < limit, "of {more} routes {there} are in the kernel after {limit:?}");
        pause(look);
    }
}

/// The figure of the first table, which is the main one.
fn parse(text: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("Prefixes:"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_table_is_counted() {
        let text = "Basic info: size of leaf: 48 bytes, size of tnode: 40 bytes.\nMain:\n\tAver depth:     2.42\n\
                    \tLeaves:         7\n\tPrefixes:       9\nLocal:\n\tPrefixes:       7\n";
        assert_eq!(parse(text), Some(9));
        assert_eq!(parse("Basic info\n"), None);
    }
}
