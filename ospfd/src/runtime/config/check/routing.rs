//! `[routes]` and `[spf]`: what goes into the kernel, and how and when it is calculated.

use std::time::Duration;

use super::{Bounded, Checker};
use crate::core::config::{DEFAULT_MAX_LSAS, RoutingConfig};
use crate::core::spf::SpfConfig;
use crate::core::spf::delay::DelayConfig;
use crate::runtime::config::raw::{RawInstall, RawRoutes, RawSpf};
use crate::runtime::routes::{Install, RouteSettings};

/// The kernel's main table.
const MAIN: u32 = 254;
/// Not 20, which FRR gives its routes: each daemon knows its own by it.
const DEFAULT_METRIC: u32 = 110;
/// Next hops of one route that we let the kernel have.
const MOST_PATHS: usize = 256;
/// Nobody waits longer for a route.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

impl Checker<'_> {
    /// `[routes]`
    pub(super) fn routes(&mut self, raw: &RawRoutes) -> RouteSettings {
        RouteSettings {
            install: match raw.install {
                Some(RawInstall::None) => Install::None,
                None | Some(RawInstall::DefaultOnly) => Install::DefaultOnly,
                Some(RawInstall::All) => Install::All,
            },
            table: self.number(&["routes", "table"], raw.table, 1, MAIN),
            metric: self.number(&["routes", "metric"], raw.metric, 0, DEFAULT_METRIC),
        }
    }

    /// `[routes]` and `[spf]`, as far as the engine is concerned.
    pub(super) fn routing(&mut self, routes: &RawRoutes, spf: &RawSpf) -> RoutingConfig {
        let rules = SpfConfig::default();
        let most: Paths = self.number(&["routes", "max_paths"], routes.max_paths, 1, Paths(rules.max_paths));
        let usual = DelayConfig::default();
        let delay = DelayConfig {
            initial: self.delay("initial_delay", spf.initial_delay, usual.initial),
            short: self.delay("short_delay", spf.short_delay, usual.short),
            long: self.delay("long_delay", spf.long_delay, usual.long),
            time_to_learn: self.delay("time_to_learn", spf.time_to_learn, usual.time_to_learn),
            hold_down: self.delay("hold_down", spf.hold_down, usual.hold_down),
        };
        // RFC 8405 §3
        if delay.hold_down <= delay.time_to_learn {
            let message = format!(
                "hold_down ({:?}) is not longer than time_to_learn ({:?}): the network would be taken for \
                 quiet while news still come",
                delay.hold_down, delay.time_to_learn
            );
            self.refuse(
                &["spf", "hold_down"],
                message,
                "give hold_down some times time_to_learn (RFC 8405 §3)",
            );
        }
        RoutingConfig {
            spf: SpfConfig {
                max_paths: most.0,
                rfc1583_compatibility: spf.rfc1583_compatibility.unwrap_or(rules.rfc1583_compatibility),
            },
            delay,
        }
    }

    /// `max_lsas`
    pub(super) fn max_lsas(&mut self, written: Option<i64>) -> usize {
        let usual = u32::try_from(DEFAULT_MAX_LSAS).unwrap_or(u32::MAX);
        let most: u32 = self.number(&["max_lsas"], written, 1, usual);
        usize::try_from(most).unwrap_or(usize::MAX)
    }

    fn delay(&mut self, key: &str, written: Option<Duration>, usual: Duration) -> Duration {
        let span = written.unwrap_or(usual);
        if span > LONGEST_DELAY {
            let message = format!("{key} is {span:?}, longer than {LONGEST_DELAY:?}");
            self.refuse(&["spf", key], message, "write for instance \"50ms\"");
        }
        span
    }
}

/// The settings in the shape of the file.
pub(super) fn normal(settings: RouteSettings, routing: RoutingConfig) -> (RawRoutes, RawSpf) {
    let RoutingConfig { spf, delay } = routing;
    let routes = RawRoutes {
        install: Some(match settings.install {
            Install::None => RawInstall::None,
            Install::DefaultOnly => RawInstall::DefaultOnly,
            Install::All => RawInstall::All,
        }),
        table: Some(settings.table.into()),
        metric: Some(settings.metric.into()),
        max_paths: i64::try_from(spf.max_paths).ok(),
    };
    let spf = RawSpf {
        rfc1583_compatibility: Some(spf.rfc1583_compatibility),
        initial_delay: Some(delay.initial),
        short_delay: Some(delay.short),
        long_delay: Some(delay.long),
        time_to_learn: Some(delay.time_to_learn),
        hold_down: Some(delay.hold_down),
    };
    (routes, spf)
}

/// A number of next hops.
#[derive(Clone, Copy)]
struct Paths(usize);

impl std::fmt::Display for Paths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<i64> for Paths {
    type Error = ();

    fn try_from(value: i64) -> Result<Self, ()> {
        usize::try_from(value).ok().filter(|paths| *paths <= MOST_PATHS).map(Self).ok_or(())
    }
}

impl Bounded for Paths {
    const MAX: Self = Self(MOST_PATHS);
}

impl Bounded for u32 {
    const MAX: Self = Self::MAX;
}
