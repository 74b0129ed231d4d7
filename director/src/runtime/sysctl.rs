//! Kernel settings that active-active IPVS depends on: each is read, compared, and written when it differs.
//!
//! A setting that this kernel lacks, or that may not be written, is a finding for the operator and no failure.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use crate::model::{Config, Forward};

/// One setting, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name, as `sysctl` writes it.
    pub name: &'static str,
    /// What it should be.
    pub value: Wanted,
    /// What goes wrong otherwise.
    pub reason: &'static str,
}

/// A wanted value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// This number.
    Exactly(u32),
    /// This number or a higher one.
    AtLeast(u32),
}

/// What came of one setting.
#[derive(Debug)]
pub struct Finding {
    /// Which.
    pub setting: Setting,
    /// What happened.
    pub outcome: Outcome,
}

/// What happened to a setting.
#[derive(Debug)]
pub enum Outcome {
    /// It was right.
    Kept,
    /// It was written.
    Changed {
        /// The value before.
        from: String,
    },
    /// This kernel does not have it.
    Missing,
    /// It could not be read or written.
    Failed(io::Error),
}

/// Brings all settings that `config` calls for to their values.
pub fn apply(config: &Config) -> Vec<Finding> {
    apply_under(Path::new("/proc/sys"), &settings(config))
}

/// The settings that `config` calls for.
pub fn settings(config: &Config) -> Vec<Setting> {
    use Wanted::{AtLeast, Exactly};

    let setting = |name, value, reason| Setting { name, value, reason };
    let services = || config.services.values();
    let hashed = services().any(|service| service.scheduler.kind.is_consistent());
    let nat = |ipv6: bool| {
        services().any(|service| {
            service.key.is_ipv6() == ipv6
                && service.servers.values().any(|server| server.forward == Forward::Nat)
        })
    };
    let mut settings = vec![
        setting(
            "net.ipv4.vs.expire_nodest_conn",
            Exactly(1),
            "a connection whose real server is gone ends at its next packet instead of hanging",
        ),
        setting(
            "net.ipv4.vs.expire_quiescent_template",
            Exactly(1),
            "a persistent client leaves a real server of weight 0",
        ),
        setting(
            "net.ipv4.vs.conn_reuse_mode",
            Exactly(1),
            "a client port that is used again is scheduled again, and not sent to a dead real server",
        ),
        setting(
            "net.ipv4.vs.backup_only",
            Exactly(0),
            "1 answers all traffic with resets while a sync backup runs",
        ),
    ];
    if config.active_active && hashed {
        settings.push(setting(
            "net.ipv4.vs.sloppy_tcp",
            Exactly(1),
            "a connection that moves here from another director goes on: mh picks the same real server",
        ));
        settings.push(setting(
            "net.ipv4.vs.schedule_icmp",
            Exactly(1),
            "fragmentation-needed messages that reach another director than their connection still find the server",
        ));
    }
    if config.active_active {
        settings.push(setting(
            "net.ipv4.conf.all.arp_ignore",
            AtLeast(1),
            "directors on one LAN must not answer ARP for a VIP; it is reached by route",
        ));
        settings.push(setting(
            "net.ipv4.conf.all.arp_announce",
            AtLeast(2),
            "ARP requests must not carry a VIP as their source, or neighbours learn it",
        ));
    }
    if nat(false) {
        settings.push(setting("net.ipv4.ip_forward", Exactly(1), "nat replies are forwarded"));
    }
    if nat(true) {
        settings.push(setting("net.ipv6.conf.all.forwarding", AtLeast(1), "nat replies are forwarded"));
    }
    settings
}

fn apply_under(root: &Path, settings: &[Setting]) -> Vec<Finding> {
    settings.iter().map(|&setting| Finding { setting, outcome: apply_one(root, setting) }).collect()
}

fn apply_one(root: &Path, setting: Setting) -> Outcome {
    let path = root.join(setting.name.replace('.', "/"));
    let from = match fs::read_to_string(&path) {
        Ok(text) => text.trim().to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Outcome::Missing,
        Err(error) => return Outcome::Failed(error),
    };
    if setting.value.accepts(&from) {
        return Outcome::Kept;
    }
    match fs::write(&path, format!("{}\n", setting.value.number())) {
        Ok(()) => Outcome::Changed { from },
        Err(error) => Outcome::Failed(error),
    }
}

impl Wanted {
    const fn number(self) -> u32 {
        match self {
            Self::Exactly(number) | Self::AtLeast(number) => number,
        }
    }

    fn accepts(self, text: &str) -> bool {
        text.parse::<u32>().is_ok_and(|found| match self {
            Self::Exactly(number) => found == number,
            Self::AtLeast(number) => found >= number,
        })
    }
}

impl Finding {
    /// Does the operator have to do something?
    pub const fn is_warning(&self) -> bool {
        match self.outcome {
            Outcome::Kept | Outcome::Changed { .. } => false,
            Outcome::Missing | Outcome::Failed(_) => true,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Setting { name, value, reason } = self.setting;
        let number = value.number();
        match &self.outcome {
            Outcome::Kept => write!(f, "{name} is as wanted ({reason})"),
            Outcome::Changed { from } => write!(f, "{name}: {from} -> {number} ({reason})"),
            Outcome::Missing => write!(
                f,
                "{name} should be {number} ({reason}), but this kernel has no such setting; is the module loaded?"
            ),
            Outcome::Failed(error) => write!(
                f,
                "{name} should be {number} ({reason}), but it cannot be set: {error}; run `sysctl -w {name}={number}`"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const FORWARD: Setting =
        Setting { name: "net.ipv4.ip_forward", value: Wanted::Exactly(1), reason: "test" };
    const ANNOUNCE: Setting = Setting { name: "net.announce", value: Wanted::AtLeast(2), reason: "test" };

    #[test]
    fn a_setting_is_written_only_when_it_differs() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("net/ipv4")).unwrap();
        fs::write(root.path().join("net/ipv4/ip_forward"), "0\n").unwrap();
        fs::write(root.path().join("net/announce"), "3\n").unwrap();

        let findings = apply_under(root.path(), &[FORWARD, ANNOUNCE]);
        assert!(matches!(&findings[0].outcome, Outcome::Changed { from } if from == "0"));
        assert!(matches!(findings[1].outcome, Outcome::Kept));
        assert_eq!(fs::read_to_string(root.path().join("net/ipv4/ip_forward")).unwrap(), "1\n");
        assert_eq!(fs::read_to_string(root.path().join("net/announce")).unwrap(), "3\n");

        let again = apply_under(root.path(), &[FORWARD, ANNOUNCE]);
        assert!(again.iter().all(|finding| matches!(finding.outcome, Outcome::Kept)));
    }

    #[test]
    fn a_setting_that_the_kernel_lacks_is_a_warning_that_names_it() {
        let root = tempfile::tempdir().unwrap();
        let findings = apply_under(root.path(), &[FORWARD]);
        assert!(findings[0].is_warning());
        assert!(findings[0].to_string().starts_with("net.ipv4.ip_forward should be 1 (test), but"));
    }

    #[test]
    fn one_director_alone_does_not_take_up_foreign_connections() {
        let mut config = Config {
            name: "a".into(),
            vips: BTreeMap::new(),
            services: BTreeMap::new(),
            active_active: true,
            timeouts: None,
        };
        let names = |config: &Config| settings(config).iter().map(|setting| setting.name).collect::<Vec<_>>();
        assert!(names(&config).contains(&"net.ipv4.conf.all.arp_ignore"));
        config.active_active = false;
        assert!(!names(&config).contains(&"net.ipv4.conf.all.arp_ignore"));
        assert!(!names(&config).contains(&"net.ipv4.vs.sloppy_tcp"));
    }

    #[test]
    fn the_guide_names_every_setting() {
        use std::time::Duration;

        use crate::model::{CheckKind, CheckSpec, RealServer, Scheduler, SchedulerKind, Service, Thresholds};

        const GUIDE: &str = include_str!("../../../docs/src/guide/director.md");
        let check = CheckSpec {
            kind: CheckKind::None,
            target: None,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            rise: 1,
            fall: 1,
        };
        let service = |vip: &str, server: &str| Service {
            key: format!("tcp {vip}").parse().unwrap(),
            vips: Vec::new(),
            scheduler: Scheduler { kind: SchedulerKind::Mh, fallback: true, port: true },
            one_packet: false,
            adopts_by_hand: false,
            persistence: None,
            servers: [(
                "a".to_owned(),
                RealServer {
                    address: server.parse().unwrap(),
                    weight: 1,
                    forward: Forward::Nat,
                    thresholds: Thresholds::default(),
                    check: check.clone(),
                },
            )]
            .into(),
            check: check.clone(),
            quorum: 1,
        };
        let services = [
            ("four".to_owned(), service("192.0.2.1:80", "10.0.0.1:80")),
            ("six".to_owned(), service("[2001:db8::1]:80", "[2001:db8::2]:80")),
        ];
        let config = Config {
            name: "a".into(),
            vips: BTreeMap::new(),
            services: services.into(),
            active_active: true,
            timeouts: None,
        };
        let settings = settings(&config);
        assert_eq!(settings.len(), 10);
        for Setting { name, .. } in settings {
            assert!(GUIDE.contains(&format!("`{name}`")), "{name}");
        }
    }
}
