//! `cargo lab setup`: the Debian packages that the lab needs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{SigSet, Signal};

/// One package per line; `#` starts a comment.
const LIST: &str = include_str!("../packages");
/// invoke-rc.d asks it before it starts a service; exit status 101 forbids it.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs what is missing.
///
/// # Errors
/// Not root: the message is the command to type. Or the installation failed.
pub fn ensure_packages() -> Result<()> {
    let missing = missing(&wanted(LIST))?;
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !nix::unistd::geteuid().is_root() {
        bail!(
            "Debian packages are missing. Type:\n  sudo apt-get update && sudo apt-get install --no-install-recommends {names}"
        );
    }
    eprintln!("setup: installing {names}");
    // Nobody wants routing daemons started on the host.
    let _policy = Policy::forbid_services()?;
    apt_get(&["update", "-qq"])?;
    let mut install = vec!["install", "-qq", "--yes", "--no-install-recommends"];
    install.extend(missing.iter().map(String::as_str));
    apt_get(&install)
}

fn wanted(list: &str) -> Vec<&str> {
    list.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
        .collect()
}

fn missing(wanted: &[&str]) -> Result<Vec<String>> {
    let mut query = Command::new("dpkg-query");
    // It exits with 1 when it does not know a package, which is what we ask.
    let output = query
        .args(["-W", "-f", "${Package} ${db:Status-Status}\\n"])
        .args(wanted)
        .stderr(Stdio::null())
        .output();
    let output = output.context("cannot run dpkg-query: the lab is made for Debian")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let installed: Vec<&str> = text.lines().filter_map(|line| line.strip_suffix(" installed")).collect();
    Ok(wanted.iter().filter(|name| !installed.contains(name)).map(|&name| name.to_owned()).collect())
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let status = command.status().context("cannot run apt-get")?;
    ensure!(status.success(), "apt-get {}: {status}", arguments.join(" "));
    Ok(())
}

/// The host's service policy, replaced by "no" until dropped. Meanwhile an interrupt ends apt-get, and us only
/// after the policy is back.
struct Policy {
    before: Option<Vec<u8>>,
    held: SigSet,
}

impl Policy {
    fn forbid_services() -> Result<Self> {
        let held = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
        held.thread_block().context("cannot hold interrupts")?;
        let before = fs::read(POLICY).ok();
        fs::write(POLICY, "#!/bin/sh\nexit 101\n").with_context(|| format!("cannot write {POLICY}"))?;
        let policy = Self { before, held };
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
        Ok(policy)
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        let restored = match &self.before {
            Some(bytes) => fs::write(POLICY, bytes),
            None => fs::remove_file(Path::new(POLICY)),
        };
        if let Err(error) = restored {
            eprintln!("setup: {POLICY} was not put back: {error}");
        }
        // One that came meanwhile takes effect here.
        let _ = self.held.thread_unblock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_names_and_no_comments() {
        let names = wanted(LIST);
        assert!(names.contains(&"frr") && names.contains(&"qemu-system-x86"), "{names:?}");
        assert!(
            names.iter().all(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || "-.+".contains(c))),
            "{names:?}"
        );
    }

    #[test]
    fn a_package_that_does_not_exist_is_missing_and_dpkg_is_not() {
        assert_eq!(missing(&["dpkg", "no-such-package-as-this"]).unwrap(), ["no-such-package-as-this"]);
    }
}
