//! The way back: settings as a file with every default written out.

use std::time::Duration;

use super::raw::{
    Raw, RawByHand, RawCheck, RawCheckKind, RawChecksum, RawControl, RawEngine, RawFlag, RawForward, RawIpvs,
    RawLog, RawLogFormat, RawOspfd, RawPersistence, RawProtocol, RawScheduler, RawServer, RawService,
    RawTimeouts, RawTunnel, RawTunnelKind, RawVip,
};
use super::{Routing, Settings};
use crate::model::{
    CheckKind, CheckSpec, Encapsulation, Forward, RealServer, SchedulerKind, Service, ServiceKey,
    TunnelChecksum,
};

pub(super) fn raw(settings: &Settings) -> Raw {
    let model = &settings.model;
    Raw {
        name: Some(model.name.clone()),
        peers: Some(settings.peers.clone()),
        state_dir: Some(settings.state_dir.clone()),
        vip_device: Some(settings.vip_device.clone()),
        resync: Some(settings.resync),
        max_probes: Some(settings.max_probes),
        log: RawLog {
            filter: Some(settings.log_filter.clone()),
            format: Some(RawLogFormat::from(settings.log_format)),
        },
        control: RawControl { socket: Some(settings.control_socket.clone()) },
        ospfd: match &settings.routing {
            Routing::Ospfd { socket, lease_ttl } => {
                RawOspfd { enabled: Some(true), socket: Some(socket.clone()), lease_ttl: Some(*lease_ttl) }
            }
            Routing::Addresses => RawOspfd { enabled: Some(false), ..RawOspfd::default() },
        },
        ipvs: RawIpvs {
            load_modules: Some(settings.modprobe.is_some()),
            modprobe: settings.modprobe.clone(),
            timeouts: model.timeouts.map(|timeouts| RawTimeouts {
                tcp: seconds(timeouts.tcp),
                tcp_fin: seconds(timeouts.tcp_fin),
                udp: seconds(timeouts.udp),
            }),
        },
        vip: model
            .vips
            .iter()
            .map(|(vip, config)| {
                let raw = RawVip {
                    metric: Some(config.metric),
                    drain_metric: Some(config.drain_metric),
                    encoding: Some(config.encoding),
                };
                (vip.to_string(), raw)
            })
            .collect(),
        service: model
            .services
            .iter()
            .map(|(name, service)| (name.clone(), raw_service(service, model.active_active)))
            .collect(),
    }
}

fn raw_service(service: &Service, active_active: bool) -> RawService {
    let mut raw = RawService {
        scheduler: Some(RawScheduler::from(service.scheduler.kind)),
        quorum: Some(service.quorum),
        server: service
            .servers
            .iter()
            .map(|(name, server)| (name.clone(), raw_server(service, server)))
            .collect(),
        ..RawService::default()
    };
    match service.key {
        ServiceKey::Address { protocol, vip } => {
            raw.vip = Some(vip.ip().to_string());
            raw.port = Some(vip.port());
            raw.protocol = Some(RawProtocol::from(protocol));
        }
        ServiceKey::FirewallMark { mark, .. } => {
            raw.fwmark = Some(mark);
            raw.vips = Some(service.vips.iter().map(ToString::to_string).collect());
        }
    }
    let [port, fallback] = match service.scheduler.kind {
        SchedulerKind::Sh => [RawFlag::ShPort, RawFlag::ShFallback],
        _ => [RawFlag::MhPort, RawFlag::MhFallback],
    };
    let flags = [(service.scheduler.port, port), (service.scheduler.fallback, fallback)];
    raw.flags = Some(flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag).collect());
    raw.one_packet = Some(service.one_packet);
    raw.by_hand = Some(if service.adopts_by_hand { RawByHand::Adopt } else { RawByHand::Repair });
    raw.persistence = service.persistence.map(|persistence| RawPersistence {
        timeout: seconds(persistence.timeout),
        prefix: Some(persistence.prefix),
        netmask: None,
        engine: persistence.engine.map(RawEngine::from),
    });
    // The only way that such a service is valid.
    let must_return = active_active && service.servers.values().any(|server| server.forward == Forward::Nat);
    raw.replies_return = must_return.then_some(true);
    raw.check = Some(raw_check(&service.check, None));
    raw
}

fn raw_server(service: &Service, server: &RealServer) -> RawServer {
    let rewrites = server.forward == Forward::Nat && server.address.port() != 0;
    let port = server.check.target.map(|target| target.port());
    let inherits = server.check == service.check;
    RawServer {
        address: Some(server.address.ip().to_string()),
        port: rewrites.then(|| server.address.port()),
        weight: Some(server.weight),
        forward: Some(RawForward::from(server.forward)),
        tunnel: raw_tunnel(server.forward),
        upper_threshold: limit(server.thresholds.upper),
        lower_threshold: limit(server.thresholds.lower),
        check: (!inherits).then(|| raw_check(&server.check, port)),
    }
}

fn raw_tunnel(forward: Forward) -> Option<RawTunnel> {
    let Forward::Tunnel(encapsulation) = forward else { return None };
    Some(match encapsulation {
        Encapsulation::Ipip => RawTunnel { kind: Some(RawTunnelKind::Ipip), ..RawTunnel::default() },
        Encapsulation::Gue { port, checksum } => {
            let checksum = match checksum {
                TunnelChecksum::None => RawChecksum::Nocsum,
                TunnelChecksum::Full => RawChecksum::Csum,
                TunnelChecksum::Remote => RawChecksum::Remcsum,
            };
            RawTunnel { kind: Some(RawTunnelKind::Gue), port: Some(port), checksum: Some(checksum) }
        }
        Encapsulation::Gre { checksum } => RawTunnel {
            kind: Some(RawTunnelKind::Gre),
            port: None,
            checksum: Some(if checksum { RawChecksum::Csum } else { RawChecksum::Nocsum }),
        },
    })
}

fn limit(threshold: u32) -> Option<u32> {
    (threshold != 0).then_some(threshold)
}

fn seconds(seconds: u32) -> Option<Duration> {
    Some(Duration::from_secs(seconds.into()))
}

fn raw_check(check: &CheckSpec, port: Option<u16>) -> RawCheck {
    let mut raw = RawCheck {
        port,
        interval: Some(check.interval),
        timeout: Some(check.timeout),
        rise: Some(check.rise),
        fall: Some(check.fall),
        ..RawCheck::default()
    };
    match &check.kind {
        CheckKind::None => raw.kind = Some(RawCheckKind::None),
        CheckKind::Tcp => raw.kind = Some(RawCheckKind::Tcp),
        CheckKind::Http { path, host, statuses } => {
            raw.kind = Some(RawCheckKind::Http);
            raw.path = Some(path.clone());
            raw.host.clone_from(host);
            raw.status = Some(statuses.iter().map(|(low, high)| format!("{low}-{high}")).collect());
        }
    }
    raw
}
