//! `[graceful_restart]`.

use std::time::Duration;

use super::{Files, assert_errors};
use crate::core::config::GracefulRestartConfig;

const BASE: &str = "router_id = \"10.0.0.1\"\n[interface.eth0]\n";

#[test]
fn neighbours_are_helped_strictly_by_default_and_every_setting_reaches_the_engine() {
    let settings = Files::new(BASE).load().unwrap();
    assert_eq!(settings.core.graceful_restart, GracefulRestartConfig::default());
    assert!(settings.normal_form.contains("strict_lsa_checking = true"), "{}", settings.normal_form);
    let text = format!(
        "{BASE}[graceful_restart]\nhelper = false\nstrict_lsa_checking = false\nmax_grace = \"90s\"\n"
    );
    let wanted = GracefulRestartConfig {
        helper: false,
        strict_lsa_checking: false,
        max_grace: Duration::from_secs(90),
    };
    assert_eq!(Files::new(&text).load().unwrap().core.graceful_restart, wanted);
}

#[test]
fn a_max_grace_that_no_restart_may_take_is_refused() {
    for written in ["0s", "31m"] {
        let text = format!("{BASE}[graceful_restart]\nmax_grace = \"{written}\"\n");
        assert_errors(&text, &["ospfd.toml:4:", "out of 1s to 1800s"]);
    }
}
