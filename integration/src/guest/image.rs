//! The guest's kernel and initramfs: made once, kept under `target/lab/guest/`.
//!
//! The kernel is Debian's package, downloaded and unpacked but not installed. The initramfs holds a static busybox, the
//! modules that reach the host's root, and the init script.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{MODULES, plain_path};
use crate::{paths, place};

/// The package whose dependency names the kernel.
const METAPACKAGE: &str = "linux-image-amd64";
/// What it takes to reach the host's root.
const BOOT_MODULES: &[&str] = &["virtio_pci", "9pnet_virtio", "9p", "overlay"];
const INIT: &str = include_str!("init");

/// A bootable guest.
#[derive(Clone, Debug)]
pub struct Image {
    /// The kernel.
    pub kernel: PathBuf,
    /// The initramfs.
    pub initramfs: PathBuf,
    /// `/lib/modules/VERSION`, unpacked.
    pub modules: PathBuf,
}

/// Makes the guest, or finds it made.
///
/// # Errors
/// The kernel cannot be downloaded or unpacked.
pub fn prepare() -> Result<Image> {
    let dir = paths::lab_dir()?.join("guest");
    plain_path(&dir)?;
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let dir = dir.canonicalize()?;
    let _lock = place::lock(&dir.join("lock"))?;
    let unpacked = dir.join("kernel");
    if !unpacked.exists() {
        eprintln!("guest: fetching the kernel");
        fetch_with_fresh_lists(&dir, &unpacked)?;
    }
    let version = only_entry(&unpacked.join("lib/modules"))?;
    let modules = unpacked.join("lib/modules").join(&version);
    let kernel = unpacked.join("boot").join(format!("vmlinuz-{version}"));
    let initramfs = dir.join("initramfs");
    pack(&dir, &unpacked, &version, &initramfs)?;
    Ok(Image { kernel, initramfs, modules })
}

/// What apt knows may be nothing, or older than the archive: then it is told to look.
fn fetch_with_fresh_lists(dir: &Path, unpacked: &Path) -> Result<()> {
    let Err(error) = fetch(dir, unpacked) else { return Ok(()) };
    if !nix::unistd::geteuid().is_root() {
        return Err(error.context("the guest's kernel cannot be fetched; try `sudo apt-get update`"));
    }
    eprintln!("guest: apt's lists are out of date; updating them");
    run(Command::new("apt-get").args(["-qq", "update"]))?;
    fetch(dir, unpacked)
}

/// `apt-get download` and `dpkg -x`: nothing is installed. The directory appears only when it is complete.
fn fetch(dir: &Path, unpacked: &Path) -> Result<()> {
    let package = kernel_package()?;
    let work = tempfile::Builder::new().prefix("fetch-").tempdir_in(dir)?;
    // apt drops its rights for a download, which a directory of our own would not let it write to.
    run(Command::new("apt-get")
        .args(["-qq", "-o", "APT::Sandbox::User=root", "download", &package])
        .current_dir(work.path()))?;
    let archive = work.path().join(only_entry(work.path())?);
    let tree = work.path().join("tree");
    run(Command::new("dpkg").arg("-x").arg(&archive).arg(&tree))?;
    let version = only_entry(&tree.join("lib/modules"))?;
    run(Command::new("depmod").arg("-b").arg(&tree).arg(&version))?;
    fs::rename(&tree, unpacked).with_context(|| format!("cannot make {}", unpacked.display()))
}

/// The package that the metapackage depends on.
fn kernel_package() -> Result<String> {
    let text = run(Command::new("apt-cache").args(["depends", METAPACKAGE]))?;
    let mut names = text.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    let name = names.find(|name| name.starts_with("linux-image-"));
    name.map(str::to_owned).with_context(|| format!("apt knows no kernel behind {METAPACKAGE}"))
}

/// Packs anew each time: a second's work, and never stale.
fn pack(dir: &Path, unpacked: &Path, version: &str, initramfs: &Path) -> Result<()> {
    let work = tempfile::Builder::new().prefix("pack-").tempdir_in(dir)?;
    let root = work.path();
    for directory in ["bin", "proc", "sys", "dev", "modules"] {
        fs::create_dir(root.join(directory))?;
    }
    fs::copy("/bin/busybox", root.join("bin/busybox"))
        .context("no /bin/busybox; is busybox-static installed?")?;
    fs::write(root.join("init"), INIT)?;
    fs::set_permissions(root.join("init"), fs::Permissions::from_mode(0o755))?;
    let mut order = String::new();
    for module in load_order(unpacked, version)? {
        let name = module.file_name().context("a module without a name")?.to_string_lossy().into_owned();
        fs::copy(&module, root.join("modules").join(&name))
            .with_context(|| format!("cannot copy {}", module.display()))?;
        order += &name;
        order.push('\n');
    }
    fs::write(root.join("modules/order"), order)?;
    fs::write(root.join("modules/wanted"), MODULES.join(" "))?;
    let packed = dir.join("initramfs.new");
    let line = format!("find . | cpio --quiet -o -H newc > '{}'", packed.display());
    run(Command::new("sh").args(["-c", &line]).current_dir(root))?;
    fs::rename(&packed, initramfs).with_context(|| format!("cannot make {}", initramfs.display()))
}

/// Files to load, in order, each once.
fn load_order(unpacked: &Path, version: &str) -> Result<Vec<PathBuf>> {
    let mut seen = BTreeSet::new();
    let mut order = Vec::new();
    for module in BOOT_MODULES {
        let mut modprobe = Command::new("modprobe");
        modprobe.arg("-d").arg(unpacked).args(["-S", version, "--show-depends", module]);
        let text = run(&mut modprobe)?;
        let files = text
            .lines()
            .filter_map(|line| line.strip_prefix("insmod "))
            .map(|file| PathBuf::from(file.trim()));
        order.extend(files.filter(|file| seen.insert(file.clone())));
    }
    Ok(order)
}

fn only_entry(dir: &Path) -> Result<String> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let [name] = names.as_slice() else {
        anyhow::bail!("{} should hold one entry, not {names:?}", dir.display())
    };
    Ok(name.clone())
}

/// Runs a command that must succeed and returns its standard output.
fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {:?}", command.get_program()))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
