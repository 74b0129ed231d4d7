//! Which kernel serves work that needs IPVS: the running one, a guest with KVM, or a guest without.
//!
//! The choice is probed once per machine and kernel, and remembered in `target/lab/tier.toml`.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{Accelerator, image};
use crate::paths;

/// A kernel with IPVS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// The running kernel.
    Native,
    /// A guest with hardware help.
    Kvm,
    /// A guest whose processor is emulated.
    Tcg,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "the running kernel",
            Self::Kvm => "a guest kernel with KVM",
            Self::Tcg => "a guest kernel, processor emulated (TCG)",
        })
    }
}

/// What is remembered.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    machine: String,
    user: u32,
    kernel: String,
    tier: Tier,
}

/// The forced tier, or the remembered one, or the first that a probe finds; says which in one line on standard error.
///
/// # Errors
/// The guest cannot be prepared.
pub fn choose(forced: Option<Tier>) -> Result<Tier> {
    if let Some(tier) = forced {
        // A guest that hangs before its first line would cost the whole deadline of the work.
        let hopeless = tier == Tier::Kvm && !super::boots(&image::prepare()?, Accelerator::Kvm)?;
        ensure!(
            !hopeless,
            "KVM does not boot a guest on this machine; leave `--tier` out, or take `--tier tcg`"
        );
        eprintln!("kernel with IPVS: {tier} (asked for)");
        return Ok(tier);
    }
    let (machine, kernel) = identity();
    let user = nix::unistd::geteuid().as_raw();
    let file = memory()?;
    let remembered = fs::read_to_string(&file).ok().and_then(|text| toml::from_str::<Remembered>(&text).ok());
    let is_here =
        |known: &Remembered| (&known.machine, known.user, &known.kernel) == (&machine, user, &kernel);
    if let Some(known) = remembered.filter(is_here) {
        eprintln!("kernel with IPVS: {} (as last time)", known.tier);
        return Ok(known.tier);
    }
    let (tier, why) = probe()?;
    eprintln!("kernel with IPVS: {tier} ({why})");
    fs::write(&file, toml::to_string(&Remembered { machine, user, kernel, tier })?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(tier)
}

fn memory() -> Result<PathBuf> {
    let dir = paths::lab_dir()?;
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    Ok(dir.join("tier.toml"))
}

fn identity() -> (String, String) {
    let read = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    let machine = read("/etc/machine-id");
    let machine = if machine.is_empty() { read("/proc/sys/kernel/hostname") } else { machine };
    (machine, read("/proc/sys/kernel/osrelease"))
}

fn probe() -> Result<(Tier, String)> {
    if running_kernel_serves() {
        return Ok((Tier::Native, "it has ip_vs".to_owned()));
    }
    if !std::path::Path::new("/dev/kvm").exists() {
        return Ok((Tier::Tcg, "the running kernel offers no ip_vs, and there is no /dev/kvm".to_owned()));
    }
    let booted = super::boots(&image::prepare()?, Accelerator::Kvm)?;
    Ok(if booted {
        (Tier::Kvm, "the running kernel offers no ip_vs".to_owned())
    } else {
        (Tier::Tcg, "the running kernel offers no ip_vs, and KVM does not boot a guest here".to_owned())
    })
}

/// A dummy device and an IPVS table, in a new network namespace.
fn running_kernel_serves() -> bool {
    let succeeds = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    // Modules may be built in, or loaded by somebody else: the answer is in the second command.
    succeeds("modprobe", &["-a", "ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_wlc", "ip_vs_mh", "dummy"]);
    succeeds(
        "unshare",
        &["--net", "sh", "-c", "ip link add dummy0 type dummy && ipvsadm -A -t 192.0.2.1:80 -s mh"],
    )
}
