//! Which options a command takes, needs, or takes only one of.

use super::lex::{Switch, Verb, switch_name, verb_name};
use super::{Lexed, UsageError};

const TABLE_OPTIONS: &[Switch] = &[
    Switch::Scheduler,
    Switch::Persistent,
    Switch::Netmask,
    Switch::OnePacket,
    Switch::Engine,
    Switch::SchedFlags,
];
const SERVER_OPTIONS: &[Switch] = &[
    Switch::RealServer,
    Switch::Gatewaying,
    Switch::Weight,
    Switch::Upper,
    Switch::Lower,
    Switch::TunType,
    Switch::TunPort,
    Switch::TunNocsum,
    Switch::TunCsum,
    Switch::TunRemcsum,
];
const LIST_OPTIONS: &[Switch] = &[
    Switch::Numeric,
    Switch::Connection,
    Switch::Timeout,
    Switch::Daemon,
    Switch::Stats,
    Switch::Rate,
    Switch::Thresholds,
    Switch::PersistentConn,
    Switch::NoSort,
    Switch::SyncId,
    Switch::Exact,
    Switch::TunInfo,
];
const DAEMON_OPTIONS: &[Switch] = &[
    Switch::McastInterface,
    Switch::SyncId,
    Switch::McastGroup,
    Switch::McastPort,
    Switch::McastTtl,
    Switch::SyncMaxlen,
];
/// Only one of these says what is listed.
const LIST_SUBJECTS: &[Switch] = &[Switch::Connection, Switch::Tcp, Switch::Timeout, Switch::Daemon];

/// Switches that stand for the same decision, as the first of them.
const fn group(switch: Switch) -> Switch {
    match switch {
        Switch::Tcp | Switch::Udp | Switch::Sctp | Switch::Mark => Switch::Tcp,
        Switch::Gatewaying | Switch::Ipip | Switch::Masquerading => Switch::Gatewaying,
        other => other,
    }
}

fn group_name(switch: Switch) -> &'static str {
    match group(switch) {
        Switch::Tcp => "service-address",
        Switch::Gatewaying => "forwarding-method",
        other => switch_name(other),
    }
}

/// Checks the options of a line against its command.
pub(super) fn check(line: &Lexed) -> Result<(), UsageError> {
    let command = verb_name(line.verb);
    // These two mean nothing by themselves.
    let switches = line.switches.iter().map(|(switch, _)| group(*switch));
    let mut seen: Vec<Switch> = Vec::new();
    for switch in switches.filter(|switch| !matches!(switch, Switch::Ipv6 | Switch::Sort)) {
        if seen.contains(&switch) {
            return Err(UsageError::Twice(group_name(switch)));
        }
        seen.push(switch);
    }
    let (takes, may_name_service): (&[Switch], bool) = match line.verb {
        Verb::AddService | Verb::EditService => (TABLE_OPTIONS, true),
        Verb::AddServer | Verb::EditServer => (SERVER_OPTIONS, true),
        Verb::DeleteServer => (&[Switch::RealServer], true),
        Verb::DeleteService | Verb::Zero => (&[], true),
        Verb::List => (LIST_OPTIONS, true),
        Verb::Save => (&[Switch::Numeric], false),
        Verb::StartDaemon => (DAEMON_OPTIONS, false),
        Verb::StopDaemon => (&[Switch::SyncId], false),
        Verb::Clear | Verb::Restore | Verb::Set | Verb::Help | Verb::Version => (&[], false),
    };
    for &needed in needs(line.verb) {
        if !seen.contains(&needed) {
            return Err(UsageError::Missing { option: group_name(needed), command });
        }
    }
    for &switch in &seen {
        let is_taken = takes.contains(&switch) || (may_name_service && switch == Switch::Tcp);
        if !is_taken {
            return Err(UsageError::Illegal { option: group_name(switch), command });
        }
    }
    if line.verb == Verb::List {
        let mut subjects = LIST_SUBJECTS.iter().filter(|subject| seen.contains(subject));
        if let (Some(&first), Some(&second)) = (subjects.next(), subjects.next()) {
            return Err(UsageError::Conflict {
                first: group_name(first),
                second: group_name(second),
                command,
            });
        }
    }
    Ok(())
}

const fn needs(verb: Verb) -> &'static [Switch] {
    match verb {
        Verb::AddService | Verb::EditService | Verb::DeleteService => &[Switch::Tcp],
        Verb::AddServer | Verb::EditServer | Verb::DeleteServer => &[Switch::Tcp, Switch::RealServer],
        Verb::Clear
        | Verb::Restore
        | Verb::Save
        | Verb::List
        | Verb::Zero
        | Verb::Set
        | Verb::StartDaemon
        | Verb::StopDaemon
        | Verb::Help
        | Verb::Version => &[],
    }
}
