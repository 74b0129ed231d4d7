//! The keys of a check.

use std::net::SocketAddr;
use std::time::Duration;

use super::raw::{RawCheck, RawCheckKind, RawProtocol};
use super::resolve::Findings;
use crate::model::{CheckKind, CheckSpec, Protocol};

const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(500);
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
const LONGEST_INTERVAL: Duration = Duration::from_secs(3600);

/// A check that knows everything but the server: its own port is put in by [`aimed`].
pub(super) fn resolve(
    raw: &RawCheck,
    key: &[&str],
    protocol: Option<RawProtocol>,
    findings: &mut Findings<'_>,
) -> CheckSpec {
    let at = |leaf: &'static str| -> Vec<&str> { key.iter().copied().chain([leaf]).collect() };
    if raw.kind.is_none()
        && let Some(protocol) = protocol.filter(|protocol| *protocol != RawProtocol::Tcp)
    {
        let protocol = Protocol::from(protocol).to_string().to_uppercase();
        let help =
            "set check.type = \"none\", or \"tcp\" or \"http\" with the check.port that tells its health";
        findings.wrong(key, format!("how a server of a {protocol} service is checked must be said"), help);
    }
    let interval = raw.interval.unwrap_or(DEFAULT_INTERVAL);
    let timeout = raw.timeout.unwrap_or(DEFAULT_TIMEOUT.min(interval));
    if !(SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(&interval) {
        findings.wrong(
            &at("interval"),
            format!("an interval of {} is out of range", humantime::format_duration(interval)),
            "write 10ms to 1h",
        );
    }
    if timeout.is_zero() {
        findings.wrong(&at("timeout"), "no server answers in no time", "write at least 1ms");
    }
    if timeout > interval {
        let leaf = if raw.timeout.is_some() { "timeout" } else { "interval" };
        findings.wrong(
            &at(leaf),
            format!(
                "the timeout of {} is longer than the interval of {}: a probe would overlap the next",
                humantime::format_duration(timeout),
                humantime::format_duration(interval)
            ),
            "make timeout at most interval",
        );
    }
    let (rise, fall) = (raw.rise.unwrap_or(1), raw.fall.unwrap_or(2));
    for (leaf, value) in [("rise", rise), ("fall", fall)] {
        if value == 0 {
            findings.wrong(&at(leaf), format!("`{leaf}` counts answers in a row"), "write at least 1");
        }
    }
    if raw.port == Some(0) {
        findings.wrong(
            &at("port"),
            "port 0 cannot be asked",
            "write the port that tells the server's health",
        );
    }
    CheckSpec { kind: kind(raw, &at, findings), target: None, interval, timeout, rise, fall }
}

fn kind<'a>(
    raw: &RawCheck,
    at: &dyn Fn(&'static str) -> Vec<&'a str>,
    findings: &mut Findings<'_>,
) -> CheckKind {
    match raw.kind.unwrap_or(RawCheckKind::Tcp) {
        RawCheckKind::None => CheckKind::None,
        RawCheckKind::Tcp => CheckKind::Tcp,
        RawCheckKind::Http => {
            let path = raw.path.clone().unwrap_or_else(|| "/".to_owned());
            if !path.starts_with('/') || path.contains(|letter: char| !letter.is_ascii_graphic()) {
                findings.wrong(
                    &at("path"),
                    format!("`{path}` is no path of a URL"),
                    "begin it with `/`, and write spaces and non-ASCII letters as %XX",
                );
            }
            if raw.host.as_ref().is_some_and(|host| {
                host.is_empty() || host.contains(|letter: char| !letter.is_ascii_graphic() || letter == '/')
            }) {
                findings.wrong(&at("host"), "the host is no host name", "write it like www.example.org");
            }
            let texts = raw.status.clone().unwrap_or_else(|| vec!["200-299".to_owned()]);
            let statuses: Vec<_> = texts.iter().filter_map(|text| status(text)).collect();
            if statuses.len() < texts.len() || statuses.is_empty() {
                findings.wrong(
                    &at("status"),
                    "a status is a number or a range from 100 to 599",
                    "write it like status = [\"200-299\", \"404\"]",
                );
            }
            CheckKind::Http { path, host: raw.host.clone(), statuses }
        }
    }
}

/// Keys that only an HTTP check has, written where the check is another.
pub(super) fn refuse_http_keys(raw: &RawCheck, kind: &CheckKind, key: &[&str], findings: &mut Findings<'_>) {
    if matches!(kind, CheckKind::Http { .. }) {
        return;
    }
    let written =
        [("path", raw.path.is_some()), ("host", raw.host.is_some()), ("status", raw.status.is_some())];
    for (leaf, _) in written.into_iter().filter(|(_, is_written)| *is_written) {
        let key: Vec<&str> = key.iter().copied().chain([leaf]).collect();
        findings.wrong(
            &key,
            format!("only an HTTP check has a `{leaf}`"),
            "set type = \"http\", or take it out",
        );
    }
}

fn status(text: &str) -> Option<(u16, u16)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let range = (low.trim().parse().ok()?, high.trim().parse().ok()?);
    (100..=range.1).contains(&range.0).then_some(range).filter(|range| range.1 <= 599)
}

/// The check as `server` is asked: where, when it is not the server's own port.
pub(super) fn aimed(
    mut spec: CheckSpec,
    port: Option<u16>,
    server: SocketAddr,
    key: &[&str],
    findings: &mut Findings<'_>,
) -> CheckSpec {
    spec.target = port.filter(|port| *port != server.port()).map(|port| SocketAddr::new(server.ip(), port));
    if server.port() == 0 && port.is_none() && spec.kind != CheckKind::None {
        findings.wrong(
            key,
            "a service of any port, or of a firewall mark, has no port that could be asked",
            "set check.port to the port that tells the server's health, or check.type = \"none\"",
        );
    }
    spec
}
