//! A real server's seat in the table of a hashing scheduler.
//!
//! `mh` builds its table from each server's *last weight other than 0* (`last_weight` in the kernel). A server that is added with
//! weight 0 has none, and so no seat: a director that started while it was down would hash flows otherwise than
//! one that saw it die. So such a server is added with its configured weight and quiesced at once, in the same batch.

use std::net::SocketAddr;

use super::plan::Op;
use crate::model::{Config, SchedulerKind, ServerEntry, ServiceKey};

/// The plan with seats taken for servers that are added with weight 0.
pub fn take_seats(config: &Config, plan: Vec<Op>) -> Vec<Op> {
    let mut seated = Vec::with_capacity(plan.len());
    for op in plan {
        match op {
            Op::AddServer { key, address, entry } if entry.weight == 0 => {
                let weight = seat(config, &key, &address).unwrap_or(0);
                seated.push(Op::AddServer { key, address, entry: ServerEntry { weight, ..entry } });
                if weight > 0 {
                    seated.push(Op::EditServer { key, address, entry });
                }
            }
            other => seated.push(other),
        }
    }
    seated
}

/// The configured weight of a server of a service whose scheduler has seats.
fn seat(config: &Config, key: &ServiceKey, address: &SocketAddr) -> Option<u32> {
    let service = config.services.values().find(|service| service.key == *key)?;
    let has_seats = service.scheduler.kind == SchedulerKind::Mh;
    has_seats
        .then(|| service.servers.values().find(|server| server.address == *address))
        .flatten()
        .map(|server| server.weight)
}
