//! `[graceful_restart]`.

use std::time::Duration;

use super::Checker;
use crate::core::config::GracefulRestartConfig;
use crate::runtime::config::raw::RawGracefulRestart;

/// RFC 3623 appendix B.1: LSRefreshTime, after which the LSAs of one who is not there grow old.
const LONGEST: Duration = Duration::from_secs(1800);

impl Checker<'_> {
    pub(super) fn graceful_restart(&mut self, raw: RawGracefulRestart) -> GracefulRestartConfig {
        let usual = GracefulRestartConfig::default();
        let max_grace = raw.max_grace.unwrap_or(usual.max_grace);
        if !(Duration::from_secs(1)..=LONGEST).contains(&max_grace) {
            let message = format!("max_grace is {max_grace:?}, out of 1s to {LONGEST:?}");
            let help = "write for instance \"120s\", or helper = false to help nobody";
            self.refuse(&["graceful_restart", "max_grace"], message, help);
        }
        GracefulRestartConfig {
            helper: raw.helper.unwrap_or(usual.helper),
            strict_lsa_checking: raw.strict_lsa_checking.unwrap_or(usual.strict_lsa_checking),
            max_grace,
        }
    }
}

/// The settings in the shape of the file.
pub(super) const fn normal(config: GracefulRestartConfig) -> RawGracefulRestart {
    RawGracefulRestart {
        helper: Some(config.helper),
        strict_lsa_checking: Some(config.strict_lsa_checking),
        max_grace: Some(config.max_grace),
    }
}
