//! Rows of the table as arguments of ipvsadm, in the order and with the words of `ipvsadm -S -n`; thresholds, which that
//! leaves out, stand at the end.

use std::fmt;
use std::net::SocketAddr;

use super::{
    FLAG_ONE_PACKET, FLAG_PERSISTENT, ForwardMethod, Protocol, ServerEntry, ServiceEntry, ServiceKey,
    TunnelOptions, scheduler_flag_names,
};

/// `-t 10.0.0.1:80`, `-u [2001:db8::1]:53`, `--sctp-service 10.0.0.1:80`, `-f 7 -6`.
#[derive(Clone, Copy, Debug)]
pub struct KeyArguments(pub ServiceKey);

/// `-s mh -p 300 -M 255.255.255.0 --pe sip -o -b mh-port`, for a service of this key.
#[derive(Clone, Copy, Debug)]
pub struct ServiceArguments<'a>(pub ServiceKey, pub &'a ServiceEntry);

/// `-r 10.0.1.1:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum -x 100 -y 80`.
#[derive(Clone, Copy, Debug)]
pub struct ServerArguments<'a>(pub SocketAddr, pub &'a ServerEntry);

impl fmt::Display for KeyArguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ServiceKey::Address { protocol, vip } => {
                let option = match protocol {
                    Protocol::Tcp => "-t",
                    Protocol::Udp => "-u",
                    Protocol::Sctp => "--sctp-service",
                };
                write!(f, "{option} {vip}")
            }
            ServiceKey::FirewallMark { mark, ipv6: false } => write!(f, "-f {mark}"),
            ServiceKey::FirewallMark { mark, ipv6: true } => write!(f, "-f {mark} -6"),
        }
    }
}

impl fmt::Display for ServiceArguments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(key, entry) = self;
        write!(f, "-s {}", entry.scheduler)?;
        if entry.flags & FLAG_PERSISTENT != 0 {
            write!(f, " -p {}", entry.timeout)?;
        }
        if let Some(mask) = entry.narrow_mask(key.is_ipv6()) {
            write!(f, " -M {mask}")?;
        }
        if let Some(engine) = &entry.engine {
            write!(f, " --pe {engine}")?;
        }
        if entry.flags & FLAG_ONE_PACKET != 0 {
            f.write_str(" -o")?;
        }
        let flags = scheduler_flag_names(&entry.scheduler, entry.flags);
        if !flags.is_empty() {
            write!(f, " -b {}", flags.join(","))?;
        }
        Ok(())
    }
}

impl fmt::Display for ServerArguments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(address, entry) = self;
        write!(f, "-r {address}")?;
        match entry.forward {
            ForwardMethod::Nat => f.write_str(" -m")?,
            ForwardMethod::Tunnel => f.write_str(" -i")?,
            ForwardMethod::Dr | ForwardMethod::Local => f.write_str(" -g")?,
            ForwardMethod::Bypass | ForwardMethod::Unknown(_) => write!(f, " ({})", entry.forward)?,
        }
        write!(f, " -w {}", entry.weight)?;
        if entry.forward == ForwardMethod::Tunnel {
            tunnel(f, entry.tunnel)?;
        }
        if entry.upper_threshold != 0 {
            write!(f, " -x {}", entry.upper_threshold)?;
        }
        if entry.lower_threshold != 0 {
            write!(f, " -y {}", entry.lower_threshold)?;
        }
        Ok(())
    }
}

fn tunnel(f: &mut fmt::Formatter<'_>, options: TunnelOptions) -> fmt::Result {
    match options.kind_name() {
        Some(name) => write!(f, " --tun-type {name}")?,
        None => return write!(f, " ({options})"),
    }
    if options.kind == 1 {
        write!(f, " --tun-port {}", options.port)?;
    }
    match options.flags {
        _ if options.kind == 0 => Ok(()),
        0 => f.write_str(" --tun-nocsum"),
        1 => f.write_str(" --tun-csum"),
        _ => f.write_str(" --tun-remcsum"),
    }
}
