//! The table that the kernel should hold, made from the configuration and what is known of the servers.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::model::{Config, RealServer, ServerEntry, ServiceEntry, ServiceKey, Timeouts};

/// The wanted table, in one order for everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// Services by identity.
    pub services: BTreeMap<ServiceKey, DesiredService>,
    /// Timeouts of connections, if they are ours to set.
    pub timeouts: Option<Timeouts>,
}

/// A wanted service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredService {
    /// Its row.
    pub entry: ServiceEntry,
    /// Its servers. The order of addresses is the order of insertion: it decides the table of `mh`, and so must be
    /// the same on all directors, whatever the servers are called.
    pub servers: BTreeMap<SocketAddr, ServerEntry>,
}

/// The table for `config`, where `weight` says what each server should weigh now (0 for one that failed its checks or
/// is drained). A server of weight 0 stays in the table, so that the tables of `mh` stay equal.
pub fn desired(config: &Config, mut weight: impl FnMut(&str, &str, &RealServer) -> u32) -> Desired {
    let services = config
        .services
        .iter()
        .map(|(service_name, service)| {
            let servers = service
                .servers
                .iter()
                .map(|(name, server)| {
                    let entry = ServerEntry::of(server, weight(service_name, name, server));
                    (server.address, entry)
                })
                .collect();
            let entry = ServiceEntry::of(service);
            (service.key, DesiredService { entry, servers })
        })
        .collect();
    Desired { services, timeouts: config.timeouts }
}
