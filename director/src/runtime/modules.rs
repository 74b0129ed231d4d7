//! Kernel modules of schedulers and persistence engines.
//!
//! The kernel asks for them itself when it may (it runs its own `modprobe`, in the first mount namespace). Where that is switched
//! off, or looks into another root, we run it: by its full path, and only for names of modules.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// A module is there in milliseconds, or it hangs.
const DEADLINE: Duration = Duration::from_secs(10);

/// A module could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// Not a name that we would pass on.
    #[error("`{0}` is no name of a kernel module")]
    Name(String),
    /// The program cannot be run.
    #[error(
        "cannot run {program}: {error}; `ipvs.modprobe` says where it is, `ipvs.load_modules = false` that it is not to be used"
    )]
    Start {
        /// Which.
        program: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It said no, in these words.
    #[error("module {module} cannot be loaded: {said}")]
    Refused {
        /// Which.
        module: String,
        /// The last line that the program wrote.
        said: String,
    },
    /// It took too long.
    #[error("module {module} was not loaded within {} s", DEADLINE.as_secs())]
    Late {
        /// Which.
        module: String,
    },
}

/// Loads one module.
pub async fn load(program: &Path, module: &str) -> Result<(), ModuleError> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if module.is_empty() || !module.chars().all(is_plain) {
        return Err(ModuleError::Name(module.to_owned()));
    }
    let running = Command::new(program)
        .arg("--")
        .arg(module)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = match tokio::time::timeout(DEADLINE, running).await {
        Err(_) => return Err(ModuleError::Late { module: module.to_owned() }),
        Ok(Err(error)) => return Err(ModuleError::Start { program: program.to_owned(), error }),
        Ok(Ok(output)) => output,
    };
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let said = text.lines().last().map_or_else(|| output.status.to_string(), str::to_owned);
    Err(ModuleError::Refused { module: module.to_owned(), said })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_module_that_cannot_be_loaded_is_named_with_the_reason() {
        let error = load(Path::new("/nonexistent/modprobe"), "ip_vs_mh").await.unwrap_err().to_string();
        assert!(error.contains("/nonexistent/modprobe") && error.contains("ipvs.modprobe"), "{error}");
        let error = load(Path::new("/bin/false"), "ip_vs_mh").await.unwrap_err().to_string();
        assert_eq!(error, "module ip_vs_mh cannot be loaded: exit status: 1");
        assert!(load(Path::new("/bin/true"), "ip_vs_mh").await.is_ok());
    }

    #[tokio::test]
    async fn what_is_no_name_of_a_module_is_never_passed_on() {
        for name in ["", "ip_vs_../x", "-r", "ip vs"] {
            assert!(matches!(load(Path::new("/bin/true"), name).await, Err(ModuleError::Name(_))), "{name}");
        }
    }
}
