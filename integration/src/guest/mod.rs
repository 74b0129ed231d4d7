//! A guest kernel with IPVS, for machines whose own has none.
//!
//! QEMU boots Debian's kernel package on the host's own root file system, shared read-only over 9p with a tmpfs over it,
//! so that everything lies where it lies outside: the checkout, the built binaries, the packages. One directory, that of
//! the run, is shared writable. The work's output comes over a serial port of its own, its exit status in a file.

pub mod image;
pub mod tier;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use self::image::Image;
use crate::clock;
use crate::place::{DEADLINE_STATUS, Work, supervise};

/// How QEMU runs the guest's processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    /// On the host's.
    Kvm,
    /// By translation.
    Tcg,
}

/// The first line that the guest's init writes on the console.
const FIRST_LINE: &str = "guest: init";
/// Time in which a guest with KVM writes it, if it ever does.
const FIRST_LINE_LIMIT: Duration = Duration::from_secs(15);

/// Boots the guest, runs the work in a confinement in it, and returns the work's exit status.
///
/// # Errors
/// The guest cannot be prepared or started, or ended without an exit status.
pub fn run(accelerator: Accelerator, work: Work) -> Result<ExitStatus> {
    let image = image::prepare()?;
    let session = Session::new(&image, &work)?;
    let mut command = session.qemu(accelerator);
    let ended = supervise(&mut command, work.output, work.deadline)?;
    if ended.code() == Some(DEADLINE_STATUS) {
        return Ok(ended);
    }
    session.status()
}

/// Does a guest come up?
pub(crate) fn boots(image: &Image, accelerator: Accelerator) -> Result<bool> {
    let dir = tempfile::tempdir()?;
    let console = dir.path().join("console");
    let mut command = qemu(image, accelerator, "probe");
    command.args([
        "-chardev",
        &format!("file,id=console,path={}", console.display()),
        "-serial",
        "chardev:console",
    ]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().context("cannot start qemu-system-x86_64")?;
    let says_hello = || fs::read_to_string(&console).is_ok_and(|text| text.contains(FIRST_LINE));
    let mut has_ended = || !matches!(child.try_wait(), Ok(None));
    // A timeout is the answer "no".
    let _ = clock::until(FIRST_LINE_LIMIT, "the guest says hello", || says_hello() || has_ended());
    let booted = says_hello();
    // It may have ended by itself.
    let _ = child.kill();
    child.wait()?;
    Ok(booted)
}

/// One run of a guest: a directory with what it is to do and what it said, inside the run's directory.
struct Session<'a> {
    image: &'a Image,
    dir: PathBuf,
    out_dir: PathBuf,
}

impl<'a> Session<'a> {
    fn new(image: &'a Image, work: &Work) -> Result<Self> {
        let out_dir =
            work.out_dir.canonicalize().with_context(|| format!("cannot find {}", work.out_dir.display()))?;
        let dir = tempfile::Builder::new().prefix("guest-").tempdir_in(&out_dir)?.keep();
        fs::write(dir.join("work.sh"), script(work)?)?;
        Ok(Self { image, dir, out_dir })
    }

    fn qemu(&self, accelerator: Accelerator) -> Command {
        let mut command = qemu(self.image, accelerator, &self.dir.to_string_lossy());
        let console = self.dir.join("console.log");
        command.args([
            "-chardev",
            &format!("file,id=console,path={}", console.display()),
            "-serial",
            "chardev:console",
        ]);
        command.args(["-serial", "stdio"]);
        command.args([
            "-virtfs",
            "local,path=/,mount_tag=hostroot,security_model=none,readonly=on,multidevs=remap",
        ]);
        let out = self.out_dir.display();
        command.args([
            "-virtfs",
            &format!("local,path={out},mount_tag=out,security_model=none,multidevs=remap"),
        ]);
        command
    }

    fn status(&self) -> Result<ExitStatus> {
        let text = fs::read_to_string(self.dir.join("status")).unwrap_or_default();
        let Ok(code) = text.trim().parse::<i32>() else {
            let console = self.dir.join("console.log");
            bail!(
                "the guest ended without an exit status; its console: {}\n{}",
                console.display(),
                crate::node::tail(&console, 20)
            );
        };
        Ok(ExitStatus::from_raw(code << 8))
    }
}

fn qemu(image: &Image, accelerator: Accelerator, session: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
    command.args([
        "-M",
        "q35",
        "-nodefaults",
        "-no-user-config",
        "-nic",
        "none",
        "-display",
        "none",
        "-no-reboot",
    ]);
    match accelerator {
        Accelerator::Kvm => command.args(["-accel", "kvm", "-cpu", "host"]),
        Accelerator::Tcg => command.args(["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max"]),
    };
    command
        .args(["-smp", "2", "-m", "2048"])
        .arg("-kernel")
        .arg(&image.kernel)
        .arg("-initrd")
        .arg(&image.initramfs);
    let line = format!(
        "console=ttyS0 quiet panic=-1 mitigations=off nokaslr lab.modules={} lab.session={session}",
        image.modules.display()
    );
    command.args(["-append", &line]);
    command
}

/// The shell script that the guest's init runs in the host's root.
fn script(work: &Work) -> Result<String> {
    let mut text =
        String::from("export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root\n");
    for (name, value) in work.environment() {
        text += &format!("export {name}={}\n", quoted(&value));
    }
    let directory = std::env::current_dir().context("the current directory is unknown")?;
    text += &format!("cd {}\nexec ", quoted(&directory.to_string_lossy()));
    let confined = crate::place::confined(&work.argv)?;
    let words = std::iter::once(confined.get_program()).chain(confined.get_args());
    for word in words {
        text += &quoted(&word.to_string_lossy());
        text.push(' ');
    }
    text.push('\n');
    Ok(text)
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Modules that the work in the guest may need; the chroot's kernel finds no module by itself.
pub(crate) const MODULES: &[&str] = &[
    "ip_vs",
    "ip_vs_rr",
    "ip_vs_wrr",
    "ip_vs_lc",
    "ip_vs_wlc",
    "ip_vs_lblc",
    "ip_vs_lblcr",
    "ip_vs_dh",
    "ip_vs_sh",
    "ip_vs_mh",
    "ip_vs_sed",
    "ip_vs_nq",
    "ip_vs_fo",
    "ip_vs_ovf",
    "dummy",
    "veth",
    "bridge",
    "ipip",
    "tun",
    "sch_netem",
    "nf_conntrack",
    "nf_conntrack_netlink",
    "nf_tables",
    "nft_ct",
    "nft_nat",
    "nft_masq",
    "nft_chain_nat",
    "nft_reject_inet",
    "xt_mark",
    "iptable_mangle",
    "act_mirred",
    "cls_u32",
    "sch_ingress",
];

/// A path that the kernel's command line can carry.
pub(crate) fn plain_path(path: &Path) -> Result<()> {
    if path.to_string_lossy().contains(char::is_whitespace) {
        bail!("{}: the guest takes no path with white space", path.display());
    }
    Ok(())
}
