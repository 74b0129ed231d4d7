//! A model of the kernel's table that refuses what the real one refuses, for properties.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::observed::{Observed, ObservedServer, ObservedService};
use super::plan::Op;
use crate::ipvs::entry::Stats;
use crate::model::{ServerEntry, ServiceEntry, ServiceKey, Timeouts};

/// Services with their servers in order of insertion; timeouts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ModelKernel(pub(super) BTreeMap<ServiceKey, Rows>, pub(super) Timeouts);

type Rows = (ServiceEntry, Vec<(SocketAddr, ServerEntry)>);

/// What the kernel says when it refuses, and one thing that it would not refuse but we do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Exists,
    NoService,
    NoServer,
    DeletedWithWeight,
}

impl ModelKernel {
    pub(super) fn apply(&mut self, op: &Op) -> Result<(), Refused> {
        match op {
            Op::AddService { key, entry } => {
                if self.0.contains_key(key) {
                    return Err(Refused::Exists);
                }
                self.0.insert(*key, (entry.clone(), Vec::new()));
            }
            Op::EditService { key, entry } => self.service(key)?.0 = entry.clone(),
            Op::DelService { key } => {
                if self.service(key)?.1.iter().any(|(_, server)| server.weight != 0) {
                    return Err(Refused::DeletedWithWeight);
                }
                self.0.remove(key);
            }
            Op::AddServer { key, address, entry } => {
                let servers = &mut self.service(key)?.1;
                if servers.iter().any(|(other, _)| other == address) {
                    return Err(Refused::Exists);
                }
                servers.push((*address, *entry));
            }
            Op::MoveServer { key, address, entry } => {
                self.server(key, address)?;
                let servers = &mut self.service(key)?.1;
                servers.retain(|(other, _)| other != address);
                servers.push((*address, *entry));
            }
            Op::SetTimeouts { timeouts } => self.1 = *timeouts,
            Op::EditServer { key, address, entry } => self.server(key, address)?.1 = *entry,
            Op::DelServer { key, address } => {
                if self.server(key, address)?.1.weight != 0 {
                    return Err(Refused::DeletedWithWeight);
                }
                self.service(key)?.1.retain(|(other, _)| other != address);
            }
        }
        Ok(())
    }

    fn service(&mut self, key: &ServiceKey) -> Result<&mut Rows, Refused> {
        self.0.get_mut(key).ok_or(Refused::NoService)
    }

    fn server(
        &mut self,
        key: &ServiceKey,
        address: &SocketAddr,
    ) -> Result<&mut (SocketAddr, ServerEntry), Refused> {
        self.service(key)?.1.iter_mut().find(|(other, _)| other == address).ok_or(Refused::NoServer)
    }

    pub(super) fn observe(&self) -> Observed {
        let services = self.0.iter().map(|(key, (entry, servers))| {
            let insertion = servers.iter().map(|(address, _)| *address).collect();
            let servers = servers.iter().map(|&(address, entry)| {
                let stats = Stats::default();
                (address, ObservedServer { entry, active: 0, inactive: 0, persistent: 0, stats })
            });
            let (entry, stats) = (entry.clone(), Stats::default());
            (*key, ObservedService { entry, servers: servers.collect(), insertion, stats })
        });
        Observed { services: services.collect(), unnamed: 0, timeouts: self.1 }
    }

    pub(super) fn run(&self, ops: &[Op]) -> Self {
        let mut after = self.clone();
        for op in ops {
            assert_eq!(after.apply(op), Ok(()), "{op}");
        }
        after
    }

    pub(super) fn serves(&self, key: &ServiceKey) -> bool {
        self.0.get(key).is_some_and(|(_, servers)| servers.iter().any(|(_, server)| server.weight > 0))
    }
}
