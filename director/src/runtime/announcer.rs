//! VIP addresses on a device of this host, so that the kernel takes packets for them as its own.
//!
//! Host prefixes on a dummy device (made when missing), or on any device that the operator names. Addresses that we
//! did not put there stay.

use std::collections::BTreeSet;
use std::net::IpAddr;

use futures_util::TryStreamExt;
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use rtnetlink::{LinkDummy, LinkUnspec};
use tokio::task::JoinHandle;

use super::ownership::{Ownership, OwnershipError};

/// The device that is made when the configuration names none.
pub const DEFAULT_DEVICE: &str = "evenkeel";

/// Keeps the VIPs on one device.
#[derive(Debug)]
pub struct Announcer {
    device: String,
    handle: rtnetlink::Handle,
    connection: JoinHandle<()>,
}

/// What one round did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressChanges {
    /// Addresses put on the device.
    pub added: BTreeSet<IpAddr>,
    /// Addresses taken off.
    pub removed: BTreeSet<IpAddr>,
}

/// Why the addresses are not as they should be.
#[derive(Debug, thiserror::Error)]
pub enum AnnounceError {
    /// No socket.
    #[error("cannot open a route netlink socket: {0}")]
    Socket(#[from] std::io::Error),
    /// The device cannot be made or set up.
    #[error("cannot set up the device {device} for VIPs: {error}{}", device_advice(error))]
    Device {
        /// The device.
        device: String,
        /// What the kernel said.
        error: rtnetlink::Error,
    },
    /// The addresses cannot be listed.
    #[error("cannot list the addresses of {device}: {error}")]
    List {
        /// The device.
        device: String,
        /// What the kernel said.
        error: rtnetlink::Error,
    },
    /// An address cannot be added.
    #[error("cannot put {address} on {device}: {error}{}", address_advice(*address, error))]
    Add {
        /// The address.
        address: IpAddr,
        /// The device.
        device: String,
        /// What the kernel said.
        error: rtnetlink::Error,
    },
    /// An address cannot be removed.
    #[error("cannot take {address} off {device}: {error}")]
    Remove {
        /// The address.
        address: IpAddr,
        /// The device.
        device: String,
        /// What the kernel said.
        error: rtnetlink::Error,
    },
    /// What is ours could not be written down first.
    #[error(transparent)]
    Ownership(#[from] OwnershipError),
}

impl Announcer {
    /// An announcer for `device`, in the network namespace of the caller. Touches nothing yet.
    pub fn new(device: impl Into<String>) -> Result<Self, AnnounceError> {
        let (connection, handle, _unsolicited) = rtnetlink::new_connection()?;
        Ok(Self { device: device.into(), handle, connection: tokio::spawn(connection) })
    }

    /// The device's name.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// One round: makes the device when missing and sets it up, adds the wanted addresses that it lacks, and removes
    /// those of ours that are no longer wanted.
    pub async fn reconcile(
        &mut self,
        wanted: &BTreeSet<IpAddr>,
        ownership: &mut Ownership,
    ) -> Result<AddressChanges, AnnounceError> {
        let index = self.device_up().await?;
        let present = self.addresses(index).await?;
        let have: BTreeSet<_> = present.iter().map(|(address, _)| *address).collect();
        // An address that was there before us is not ours: it is used, and stays.
        let added: BTreeSet<_> = wanted.difference(&have).copied().collect();
        ownership.claim_addresses(&added)?;
        for &address in &added {
            self.add(index, address).await?;
            tracing::info!(vip = %address, device = %self.device, "address added");
        }
        let mut removed = BTreeSet::new();
        for (address, message) in present {
            if ownership.addresses().contains(&address) && !wanted.contains(&address) {
                let device = self.device.clone();
                let request = self.handle.address().del(message).execute();
                request.await.map_err(|error| AnnounceError::Remove { address, device, error })?;
                tracing::info!(vip = %address, device = %self.device, "address removed");
                removed.insert(address);
            }
        }
        ownership.keep_addresses(|address| wanted.contains(address))?;
        Ok(AddressChanges { added, removed })
    }

    async fn device_up(&self) -> Result<u32, AnnounceError> {
        let failed = |error| AnnounceError::Device { device: self.device.clone(), error };
        let index = match if_nametoindex(self.device.as_str()) {
            Ok(index) => index,
            Err(_) => {
                let link = LinkDummy::new(&self.device).up().build();
                self.handle.link().add(link).execute().await.map_err(failed)?;
                tracing::info!(device = %self.device, "device made");
                if_nametoindex(self.device.as_str()).map_err(|_| failed(rtnetlink::Error::RequestFailed))?
            }
        };
        let up = LinkUnspec::new_with_index(index).up().build();
        self.handle.link().set(up).execute().await.map_err(failed)?;
        Ok(index)
    }

    /// The host addresses on the device, with the messages that would delete them.
    async fn addresses(&self, index: u32) -> Result<Vec<(IpAddr, AddressMessage)>, AnnounceError> {
        let listing = self.handle.address().get().set_link_index_filter(index).execute();
        let messages: Vec<AddressMessage> = listing
            .try_collect()
            .await
            .map_err(|error| AnnounceError::List { device: self.device.clone(), error })?;
        Ok(messages.into_iter().filter_map(|message| Some((host_address(&message)?, message))).collect())
    }

    async fn add(&self, index: u32, address: IpAddr) -> Result<(), AnnounceError> {
        let prefix = if address.is_ipv6() { 128 } else { 32 };
        let mut request = self.handle.address().add(index, address, prefix);
        if address.is_ipv6() {
            // All directors hold the same address: detecting duplicates would disable it.
            request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
        }
        let device = self.device.clone();
        request.execute().await.map_err(|error| AnnounceError::Add { address, device, error })
    }
}

impl Drop for Announcer {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// The address of a message when it is a host prefix.
fn host_address(message: &AddressMessage) -> Option<IpAddr> {
    let local = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    let address = local.or_else(|| {
        message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    })?;
    let whole = if address.is_ipv6() { 128 } else { 32 };
    (message.header.prefix_len == whole).then_some(address)
}

fn errno_of(error: &rtnetlink::Error) -> Option<Errno> {
    match error {
        rtnetlink::Error::NetlinkError(message) => Some(Errno::from_raw(message.raw_code().saturating_abs())),
        _ => None,
    }
}

fn device_advice(error: &rtnetlink::Error) -> &'static str {
    match errno_of(error) {
        Some(Errno::EOPNOTSUPP) => {
            "; this kernel cannot make dummy devices: `modprobe dummy`, or put the VIPs on `lo` or another device"
        }
        Some(Errno::EPERM) => "; this needs CAP_NET_ADMIN",
        _ => "",
    }
}

fn address_advice(address: IpAddr, error: &rtnetlink::Error) -> &'static str {
    match errno_of(error) {
        Some(Errno::EPERM) => "; this needs CAP_NET_ADMIN",
        Some(Errno::EACCES | Errno::EINVAL) if address.is_ipv6() => {
            "; is IPv6 disabled there (net.ipv6.conf.*.disable_ipv6)?"
        }
        _ => "",
    }
}
