//! Power: a director's host goes dark, and comes back as after a boot.

use std::io;

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use rtnetlink::LinkUnspec;

use crate::node::Node;

/// The links of a director's host.
const LINKS: [&str; 2] = ["uplink", "servers"];

/// Kills both daemons and takes the links down, as fast as the kernel does it.
pub(super) fn cut(node: &Node) -> Result<()> {
    node.kill_daemons();
    let cut = node.namespace().enter(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(links_down())
    })?;
    cut.with_context(|| format!("cannot take down the links of {}", node.name()))
}

async fn links_down() -> io::Result<()> {
    let (connection, handle, _) = rtnetlink::new_connection()?;
    tokio::spawn(connection);
    for name in LINKS {
        let mut found = handle.link().get().match_name(name).execute();
        let link = found.next().await.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let index = link.map_err(io::Error::other)?.header.index;
        let down = LinkUnspec::new_with_index(index).down().build();
        handle.link().set(down).execute().await.map_err(io::Error::other)?;
    }
    Ok(())
}

/// Brings the host back with nothing left of its former life in the kernel's tables, and starts the daemons.
pub(super) fn restore(node: &Node, gateway: &str) -> Result<()> {
    node.run(&["ipvsadm", "-C"])?;
    let mut lines = vec!["link del vips".to_owned()];
    lines.extend(LINKS.map(|link| format!("link set {link} up")));
    lines.push(format!("route replace default via {gateway}"));
    node.ip_batch(&lines)?;
    node.start_daemons()
}
