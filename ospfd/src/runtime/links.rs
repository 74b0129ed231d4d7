//! The link watcher: what the host says of its interfaces.
//!
//! Level-triggered. Netlink notifications only say that it is time to look again; what is looked at is always a whole
//! dump, which is compared with the one before. A lost notification is repaired by the next one, by an overrun of the
//! netlink socket, or after half a minute at the latest.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use common::ids::IfIndex;
use futures_util::{StreamExt, TryStreamExt};
use ipnetwork::Ipv4Network;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkFlags, LinkMessage};
use rtnetlink::{Handle, MulticastGroup, new_multicast_connection};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::core::event::{LinkEvent, LinkState};

/// Longest time between two dumps.
const REFRESH: Duration = Duration::from_secs(30);
/// Shortest time between two dumps: a burst of notifications is one look.
const SPACING: Duration = Duration::from_millis(20);
/// A dump that takes longer is given up and tried again.
const DUMP_TIMEOUT: Duration = Duration::from_secs(5);

/// Pause before netlink is opened again.
const RETRY: Duration = Duration::from_secs(1);

type Links = BTreeMap<IfIndex, LinkState>;

/// What the watcher tells the loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkReport {
    /// One link.
    Event(LinkEvent),
    /// A dump has been reported whole; what it did not bring does not exist.
    Complete,
}

/// Why the watcher ended.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No netlink socket.
    #[error("cannot open a netlink socket: {0}")]
    Open(#[from] std::io::Error),
    /// The connection is gone.
    #[error("the netlink connection closed")]
    Closed,
}

/// Watches until the receiver of `reports` is gone, and begins again when netlink fails.
pub async fn watch_always(reports: mpsc::Sender<LinkReport>) {
    while let Err(error) = watch(reports.clone()).await {
        warn!(%error, "links are not watched; trying again");
        sleep(RETRY).await;
    }
}

/// Watches until the receiver of `reports` is gone. Every dump ends with [`LinkReport::Complete`], and every
/// half minute brings all links again, changed or not.
///
/// # Errors
/// Netlink cannot be used at all; a failed dump is only logged and tried again.
pub async fn watch(reports: mpsc::Sender<LinkReport>) -> Result<(), LinkError> {
    let (connection, handle, mut notifications) =
        new_multicast_connection(&[MulticastGroup::Link, MulticastGroup::Ipv4Ifaddr])?;
    let connection = tokio::spawn(connection);
    let mut known = Links::new();
    let mut everything = true;
    while !reports.is_closed() {
        match timeout(DUMP_TIMEOUT, dump(&handle)).await {
            Ok(Ok(links)) => {
                let base = if everything { gone_only(&known, &links) } else { known };
                if !report(&reports, diff(&base, &links)).await {
                    break;
                }
                known = links;
            }
            Ok(Err(error)) => warn!(%error, "links could not be read; they are read again"),
            Err(_) => warn!("reading the links took too long; they are read again"),
        }
        sleep(SPACING).await;
        match timeout(REFRESH, notifications.next()).await {
            Ok(Some(_)) => everything = false,
            Ok(None) => return Err(LinkError::Closed),
            Err(_) => everything = true,
        }
        // Every notification that has come by now is answered by the dump that follows.
        while notifications.try_recv().is_ok() {}
    }
    connection.abort();
    Ok(())
}

async fn report(reports: &mpsc::Sender<LinkReport>, events: Vec<LinkEvent>) -> bool {
    for event in events.into_iter().map(LinkReport::Event).chain([LinkReport::Complete]) {
        if reports.send(event).await.is_err() {
            return false;
        }
    }
    true
}

async fn dump(handle: &Handle) -> Result<Links, rtnetlink::Error> {
    let links = handle.link().get().set_filter_mask(AddressFamily::Unspec, vec![LinkExtentMask::SkipStats]);
    let links: Vec<LinkMessage> = links.execute().try_collect().await?;
    let mut addresses = handle.address().get();
    addresses.message_mut().header.family = AddressFamily::Inet;
    let addresses: Vec<AddressMessage> = addresses.execute().try_collect().await?;
    Ok(states(&links, &addresses))
}

/// Puts links and addresses together.
fn states(links: &[LinkMessage], addresses: &[AddressMessage]) -> Links {
    let mut primary: BTreeMap<u32, Ipv4Network> = BTreeMap::new();
    for message in addresses {
        let secondary = message.header.flags.contains(AddressHeaderFlags::Secondary);
        // 127.0.0.1 stands first on `lo`, but routers know that interface by what else it has.
        if let Some(network) = network(message).filter(|net| !secondary && !net.ip().is_loopback()) {
            primary.entry(message.header.index).or_insert(network);
        }
    }
    links.iter().filter_map(|message| state(message, &primary)).map(|s| (s.if_index, s)).collect()
}

fn state(message: &LinkMessage, primary: &BTreeMap<u32, Ipv4Network>) -> Option<LinkState> {
    let index = message.header.index;
    let name = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    })?;
    let mtu = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Mtu(mtu) => Some(*mtu),
        _ => None,
    });
    Some(LinkState {
        if_index: IfIndex(index),
        name,
        // IFF_RUNNING: the operational state is up, or the driver does not tell.
        up: message.header.flags.contains(LinkFlags::Up | LinkFlags::Running),
        address: primary.get(&index).copied(),
        mtu: u16::try_from(mtu.unwrap_or(0)).unwrap_or(u16::MAX),
    })
}

/// The local address and its mask. On a link with a peer address, `Address` is the peer's.
fn network(message: &AddressMessage) -> Option<Ipv4Network> {
    let mut local = None;
    let mut address = None;
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(IpAddr::V4(ip)) => local = Some(*ip),
            AddressAttribute::Address(IpAddr::V4(ip)) => address = Some(*ip),
            _ => {}
        }
    }
    let ip: Ipv4Addr = local.or(address)?;
    Ipv4Network::new(ip, message.header.prefix_len).ok()
}

/// What changed from `old` to `new`, the losses first.
fn diff(old: &Links, new: &Links) -> Vec<LinkEvent> {
    let gone = old.keys().filter(|index| !new.contains_key(index)).map(|index| LinkEvent::Gone(*index));
    let changed = new.iter().filter(|(index, state)| old.get(index) != Some(state));
    gone.chain(changed.map(|(_, state)| LinkEvent::State(state.clone()))).collect()
}

/// A base against which every link of `new` differs.
fn gone_only(old: &Links, new: &Links) -> Links {
    old.iter().filter(|(index, _)| !new.contains_key(index)).map(|(i, s)| (*i, s.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(index: u32, name: &str, flags: LinkFlags) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = flags;
        message.attributes = vec![LinkAttribute::IfName(name.into()), LinkAttribute::Mtu(1500)];
        message
    }

    fn address(index: u32, local: &str, peer: &str, flags: AddressHeaderFlags) -> AddressMessage {
        let mut message = AddressMessage::default();
        message.header.index = index;
        message.header.prefix_len = 24;
        message.header.flags = flags;
        message.attributes = vec![
            AddressAttribute::Address(peer.parse().unwrap()),
            AddressAttribute::Local(local.parse().unwrap()),
        ];
        message
    }

    const UP: LinkFlags = LinkFlags::Up.union(LinkFlags::Running);

    #[test]
    fn the_first_primary_address_is_ours_and_a_peers_is_not() {
        let primary = AddressHeaderFlags::Permanent;
        let links = states(
            &[link(2, "eth0", UP), link(3, "eth1", LinkFlags::Up)],
            &[
                address(2, "10.0.0.9", "10.0.0.9", AddressHeaderFlags::Secondary),
                address(2, "10.0.0.1", "10.0.0.2", primary),
                address(2, "10.1.0.1", "10.1.0.1", primary),
            ],
        );
        let eth0 = &links[&IfIndex(2)];
        assert_eq!(eth0.address, Some("10.0.0.1/24".parse().unwrap()));
        assert_eq!((eth0.up, eth0.mtu, eth0.name.as_str()), (true, 1500, "eth0"));
        // Administratively up, but without carrier.
        assert_eq!((links[&IfIndex(3)].up, links[&IfIndex(3)].address), (false, None));
    }

    #[test]
    fn lo_is_known_by_the_address_that_others_can_reach() {
        let primary = AddressHeaderFlags::Permanent;
        let lo = |ip| address(1, ip, ip, primary);
        let links = states(&[link(1, "lo", UP)], &[lo("127.0.0.1"), lo("10.0.0.11")]);
        assert_eq!(links[&IfIndex(1)].address, Some("10.0.0.11/24".parse().unwrap()));
    }

    #[test]
    fn a_diff_tells_losses_and_changes_and_nothing_else() {
        let old = states(&[link(1, "lo", UP), link(2, "eth0", UP), link(3, "eth1", UP)], &[]);
        let new = states(&[link(1, "lo", UP), link(3, "eth1", LinkFlags::Up), link(4, "eth2", UP)], &[]);
        let state = |index: u32| LinkEvent::State(new[&IfIndex(index)].clone());
        assert_eq!(diff(&old, &new), [LinkEvent::Gone(IfIndex(2)), state(3), state(4)]);
        assert_eq!(diff(&new, &new), []);
    }

    #[test]
    fn a_refresh_reports_every_link_again() {
        let old = states(&[link(1, "lo", UP), link(2, "eth0", UP)], &[]);
        let new = states(&[link(1, "lo", UP)], &[]);
        let events = diff(&gone_only(&old, &new), &new);
        assert_eq!(events, [LinkEvent::Gone(IfIndex(2)), LinkEvent::State(new[&IfIndex(1)].clone())]);
    }

    #[tokio::test]
    async fn the_running_host_has_a_loopback() {
        let (sender, mut receiver) = mpsc::channel(64);
        let watcher = tokio::spawn(watch(sender));
        let mut names = Vec::new();
        while let Some(LinkReport::Event(event)) = receiver.recv().await {
            if let LinkEvent::State(state) = event {
                names.push(state.name);
            }
        }
        watcher.abort();
        assert!(names.contains(&"lo".to_owned()), "{names:?}");
    }
}
