//! Key chains.

use common::time::Instant;

use super::{Files, assert_errors};
use crate::core::config::{AuthConfig, KeyChain, SequenceRule};
use crate::packet::Algorithm;
use crate::runtime::clock::Moment;
use crate::runtime::config::Settings;

/// 2026-07-01T00:00:00Z
const JULY: u64 = 1_782_864_000;

const ROLLOVER: &str = r#"
router_id = "10.0.0.1"
state_dir = "/tmp/state"
[interface.eth0]
auth = { keys = "lan", strict_sequence = true }
[key_chain.lan.key.1]
algorithm = "md5"
secret = "0123456789abcdef"
send = { to = "2026-07-01T00:00:00Z" }
accept = { to = "2026-07-02T00:00:00+00:00" }
[key_chain.lan.key.2]
algorithm = "hmac-sha-256"
secret = "a secret that is longer than sixteen bytes"
send = { from = "2026-07-01T02:00:00+02:00", to = "2027-01-01T00:00:00Z" }
"#;

fn moment(unix_seconds: u64) -> Moment {
    Moment { now: Instant::from_micros(7_000_000), unix_micros: unix_seconds * 1_000_000 }
}

fn chain_at(settings: &Settings, unix_seconds: u64) -> (KeyChain, SequenceRule) {
    match &settings.core_at(moment(unix_seconds)).interfaces["eth0"].auth {
        AuthConfig::Keys { chain, sequence } => ((**chain).clone(), *sequence),
        other => panic!("{other:?}"),
    }
}

fn sends(settings: &Settings, unix_seconds: u64) -> Option<(u8, Algorithm, bool)> {
    let send = chain_at(settings, unix_seconds).0.send_key(Instant::from_micros(7_000_000))?;
    Some((send.key.id(), send.key.algorithm(), send.expired))
}

#[test]
fn a_key_chain_reaches_the_engine_with_its_lifetimes() {
    let settings = Files::new(ROLLOVER).load().unwrap();
    assert_eq!(settings.state_dir, std::path::Path::new("/tmp/state"));
    assert_eq!(sends(&settings, JULY - 1), Some((1, Algorithm::Md5, false)));
    assert_eq!(sends(&settings, JULY), Some((2, Algorithm::HmacSha256, false)));
    assert_eq!(sends(&settings, JULY * 2), Some((2, Algorithm::HmacSha256, true)));
    let (chain, rule) = chain_at(&settings, JULY);
    assert_eq!(rule, SequenceRule::Strict);
    let now = Instant::from_micros(7_000_000);
    assert!(chain.accept(now, 1).is_ok() && chain.accept(now, 2).is_ok());
    let day = std::time::Duration::from_secs(86_400);
    assert!(chain.accept(now + day, 1).is_err(), "its accept lifetime is over");
}

#[test]
fn extended_sequence_numbers_are_asked_for_by_interface() {
    let extended = ROLLOVER.replace("strict_sequence", "extended_sequence").replace("md5", "hmac-sha-1");
    let settings = Files::new(&extended).load().unwrap();
    assert_eq!(chain_at(&settings, JULY).1, SequenceRule::Extended);
    assert!(settings.core.uses_extended_sequences());
    assert!(!Files::new(ROLLOVER).load().unwrap().core.uses_extended_sequences());
}

#[test]
fn a_chain_that_was_not_put_on_the_clock_lets_nothing_pass() {
    let settings = Files::new(ROLLOVER).load().unwrap();
    let AuthConfig::Keys { chain, .. } = &settings.core.interfaces["eth0"].auth else { panic!("keys") };
    assert_eq!(chain.send_key(Instant::ZERO), None);
}

#[test]
fn of_keys_without_lifetimes_the_lowest_is_sent_with() {
    let text = "router_id = \"10.0.0.1\"\n[interface.eth0]\nauth = { keys = \"k\" }\n\
        [key_chain.k.key.10]\nalgorithm = \"hmac-sha-1\"\nsecret = \"ten\"\n\
        [key_chain.k.key.9]\nalgorithm = \"hmac-sha-512\"\nsecret = \"nine\"\n";
    let settings = Files::new(text).load().unwrap();
    assert_eq!(sends(&settings, JULY), Some((9, Algorithm::HmacSha512, false)));
}

#[test]
fn the_normal_form_keeps_lifetimes_and_hides_secrets() {
    let settings = Files::new(ROLLOVER).load().unwrap();
    assert!(!settings.normal_form.contains("secret that") && !settings.normal_form.contains("0123456789"));
    assert!(
        settings.normal_form.contains("from = \"2026-07-01T02:00:00+02:00\""),
        "{}",
        settings.normal_form
    );
    let again = Files::new(&settings.normal_form).load().unwrap();
    assert_eq!(again.normal_form, settings.normal_form);
    assert!(!format!("{settings:?}").contains("0123456789"), "secrets are not in Debug either");
}

#[test]
fn a_chain_without_a_key_in_force_is_warned_of_with_its_place() {
    let settings = Files::new(ROLLOVER).load().unwrap();
    assert_eq!(settings.warnings(moment(JULY)), Vec::<&str>::new());
    let warnings = settings.warnings(moment(JULY * 2));
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].starts_with("warning: no key of chain `lan` is in force for sending now"),
        "{warnings:?}"
    );
    assert!(warnings[0].contains("ospfd.toml:6:"), "{warnings:?}");
}

#[test]
fn secrets_of_keys_can_stand_in_files() {
    let files = Files::new("");
    let secret = files.write("key", "swordfish\n");
    let text = |secret: &str| {
        format!(
            "router_id = \"10.0.0.1\"\n[interface.eth0]\nauth = {{ keys = \"k\" }}\n\
             [key_chain.k.key.1]\nalgorithm = \"hmac-sha-256\"\nsecret = {secret}\n"
        )
    };
    files.write("ospfd.toml", &text(&format!("{{ file = {:?} }}", secret.display())));
    let from_file = files.load().unwrap();
    files.write("ospfd.toml", &text("\"swordfish\""));
    assert_eq!(from_file.key_chains, files.load().unwrap().key_chains);
    assert!(from_file.normal_form.contains("file = "), "{}", from_file.normal_form);
}

#[test]
fn what_is_wrong_with_keys_is_told_with_its_place() {
    let auth = |auth: &str| format!("router_id = \"10.0.0.1\"\n[interface.eth0]\nauth = {auth}\n");
    assert_errors(
        &auth("{ keys = \"lan\" }"),
        &["ospfd.toml:3:17", "no key chain `lan`", "[key_chain.lan.key.1]"],
    );
    assert_errors(&auth("{ keys = \"a\", simple = \"b\" }"), &["ospfd.toml:3:", "keep one"]);
    assert_errors(&auth("{}"), &["ospfd.toml:3:", "neither keys nor a simple password"]);
    assert_errors(&auth("{ simple = \"b\", strict_sequence = true }"), &["ospfd.toml:3:", "goes with keys"]);
    assert_errors(
        &auth("{ simple = \"b\", extended_sequence = true }"),
        &["ospfd.toml:3:", "goes with keys"],
    );
    assert_errors(
        &auth(
            "{ keys = \"k\", extended_sequence = true, strict_sequence = false }\n[key_chain.k.key.1]\nalgorithm = \"hmac-sha-1\"\nsecret = \"x\"",
        ),
        &["ospfd.toml:3:", "always checked strictly"],
    );
    assert_errors(
        &auth(
            "{ keys = \"k\", extended_sequence = true }\n[key_chain.k.key.1]\nalgorithm = \"md5\"\nsecret = \"x\"",
        ),
        &["ospfd.toml:3:", "key 1 of chain `k` is md5", "hmac-sha"],
    );
    assert_errors(&auth("{ key = \"b\" }"), &["ospfd.toml:3:", "did you mean `keys`?"]);

    let key = |id: &str, lines: &str| format!("router_id = \"10.0.0.1\"\n[key_chain.k.key.{id}]\n{lines}\n");
    let good = "algorithm = \"md5\"\nsecret = \"x\"";
    for id in ["0", "256", "01", "one"] {
        assert_errors(&key(id, good), &["ospfd.toml:2:", "is no key id", "from 1 to 255"]);
    }
    assert_errors(&key("1", "secret = \"x\""), &["ospfd.toml:2:", "key 1 has no algorithm", "hmac-sha-256"]);
    assert_errors(&key("1", "algorithm = \"md5\""), &["ospfd.toml:2:", "key 1 has no secret"]);
    assert_errors(&key("1", "algorithm = \"hmac-sha1\""), &["ospfd.toml:3:13", "did you mean `hmac-sha-1`?"]);
    let long = "algorithm = \"md5\"\nsecret = \"0123456789abcdefg\"";
    assert_errors(&key("1", long), &["ospfd.toml:2:", "1 to 16 bytes, this one 17"]);
    assert_errors(&key("1", "algorithm = \"md5\"\nsecret = \"\""), &["ospfd.toml:2:", "secret is empty"]);
    let time = |send: &str| key("1", &format!("{good}\nsend = {send}"));
    assert_errors(&time("{ from = \"tomorrow\" }"), &["ospfd.toml:5:17", "`tomorrow` is no time"]);
    assert_errors(&time("{ from = \"2026-01-01T00:00:00\" }"), &["ospfd.toml:5:17", "offset"]);
    assert_errors(
        &time("{ from = \"2026-01-02T00:00:00Z\", to = \"2026-01-01T00:00:00Z\" }"),
        &["ospfd.toml:5:", "ends before it begins"],
    );
    assert_errors("router_id = \"10.0.0.1\"\n[key_chain.k]\n", &["ospfd.toml:2:", "has no keys"]);
}
