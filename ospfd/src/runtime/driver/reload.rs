//! The configuration read again, and the wall clock followed.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::{error, info, warn};

use super::Driver;
use crate::core::event::LinkEvent;
use crate::runtime::clock::Moment;
use crate::runtime::config::{self, Settings};
use crate::runtime::record::{Entry, RecordedConfig};
use crate::runtime::signals::{notify, notify_reloading};

/// A wall clock that went differently by this much has been set.
const CLOCK_SHIFT: Duration = Duration::from_secs(1);

impl Driver {
    pub(super) fn reload(&mut self) {
        notify_reloading();
        match config::load(&self.config_path) {
            Ok(settings) => {
                let old = &self.settings;
                if settings.socket != old.socket
                    || settings.metrics != old.metrics
                    || settings.log_filter != old.log_filter
                    || settings.log_format != old.log_format
                {
                    warn!("[control], [metrics] and [log] take effect with the next start");
                }
                if settings.scheduling != old.scheduling {
                    warn!("[scheduling] takes effect with the next start");
                }
                let moment = self.clock.moment();
                let now = moment.now;
                self.recorder
                    .note(now, &self.instance, || Entry::Reconfigure { config: recorded(&settings, moment) });
                self.instance.reconfigure(now, settings.core_at(moment));
                self.lifetimes_at = moment;
                for warning in settings.warnings(moment) {
                    warn!("{warning}");
                }
                for link in self.links.values().cloned().collect::<Vec<_>>() {
                    self.hand_link(now, LinkEvent::State(link));
                }
                self.installer.reconfigure(settings.routes, self.instance.routes());
                self.settings = settings;
                self.tell_missing_interfaces();
                self.history.note(now, "daemon", [("what", "configuration reloaded".to_owned())]);
                info!("configuration reloaded");
            }
            Err(diagnostics) => {
                error!("the new configuration is not used, the old one stays in force:\n{diagnostics}");
            }
        }
        notify(&[NotifyState::Ready]);
    }

    /// Lifetimes of keys are written in wall-clock time: when that clock has been set, they lie elsewhere on the engine's.
    pub(super) fn follow_wall_clock(&mut self) {
        if self.settings.keyed.is_empty() {
            return;
        }
        let moment = self.clock.moment();
        if moment.shift_since(self.lifetimes_at) > CLOCK_SHIFT {
            info!("the wall clock was set; lifetimes of keys follow it");
            self.lifetimes_at = moment;
            self.recorder.note(moment.now, &self.instance, || Entry::Reconfigure {
                config: recorded(&self.settings, moment),
            });
            self.instance.reconfigure(moment.now, self.settings.core_at(moment));
        }
    }

    pub(super) fn tell_missing_interfaces(&self) {
        if self.settings.core.interfaces.is_empty() {
            warn!("no interface is configured, so nobody hears us: add [interface.NAME]");
        }
        for name in self.settings.core.interfaces.keys() {
            if !self.links.values().any(|link| link.name == *name) {
                warn!(interface = name, "the interface does not exist yet; it is waited for");
            }
        }
    }
}

/// The configuration as a recording has it.
pub(super) fn recorded(settings: &Settings, moment: Moment) -> RecordedConfig {
    RecordedConfig { toml: settings.written.text().to_owned(), unix_micros: moment.unix_micros }
}
