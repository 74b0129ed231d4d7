//! The demo as a picture: an SVG that stands by itself, in light and in dark.

use std::fmt::Write as _;
use std::time::Duration;

use common::time::Instant;

use super::report::Report;
use crate::observe::fib::Change;
use crate::traffic::ledger::Ledger;

const WIDTH: f64 = 1200.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 110.0;
/// Requests are summed over spans of this length.
const BIN: Duration = Duration::from_millis(500);
const CHART: f64 = 120.0;
const LANE: f64 = 20.0;
const AREA: f64 = 44.0;
const GAP: f64 = 16.0;

/// What one director's kernel had counted at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The moment.
    pub at: Instant,
    /// Connections scheduled since the start, by director, in order.
    pub connections: Vec<u64>,
    /// Long-lived connections that stood.
    pub long_open: u64,
}

/// Everything that is drawn.
#[derive(Debug)]
pub struct Picture<'a> {
    /// Steps with their titles.
    pub report: &'a Report,
    /// Requests and breaks.
    pub ledger: &'a Ledger,
    /// Samples in order of time.
    pub samples: &'a [Sample],
    /// Changes of the VIP's route at the upstream.
    pub routes: &'a [Change],
    /// Directors: name, and address as a next hop.
    pub directors: &'a [(String, std::net::Ipv4Addr)],
    /// Names of the servers.
    pub servers: &'a [String],
    /// End of the demo.
    pub end: Instant,
}

const STYLE: &str = "
  svg{font:12px system-ui,sans-serif}
  .right{text-anchor:end} .mid{text-anchor:middle} .big{font-size:18px;font-weight:600} .strong{font-weight:600}
  .bg{fill:#ffffff} .band{fill:#f5f7fa} .grid{stroke:#e4e7ec} text{fill:#1c2330} .soft{fill:#667085} .bad{fill:#d92d20}
  .s0{fill:#2f6fde} .s1{fill:#0e9384} .s2{fill:#8b5cf6} .s3{fill:#b54708} .d0{fill:#c77700} .d1{fill:#5b6b8c} .d2{fill:#a8327d}
  .line{fill:none;stroke:#667085;stroke-width:1.5}
  @media (prefers-color-scheme: dark) {
  .bg{fill:#12161d} .band{fill:#1a202a} .grid{stroke:#2a313c} text{fill:#e6eaf0} .soft{fill:#98a2b3} .bad{fill:#ff6b5e}
  .s0{fill:#6ea0ff} .s1{fill:#3ccfbb} .s2{fill:#b79bff} .s3{fill:#f0a35e} .d0{fill:#f2b04c} .d1{fill:#9fb0d3} .d2{fill:#f08cc6}
  .line{stroke:#98a2b3} }
";

struct Canvas {
    body: String,
    start: Instant,
    seconds: f64,
}

impl Canvas {
    fn x(&self, at: Instant) -> f64 {
        LEFT + (at.since(self.start).as_secs_f64() / self.seconds).min(1.0) * (WIDTH - LEFT - RIGHT)
    }

    /// The width of a bin.
    fn bin(&self) -> f64 {
        (WIDTH - LEFT - RIGHT) * BIN.as_secs_f64() / self.seconds
    }

    fn rect(&mut self, class: &str, from: (f64, f64), size: (f64, f64), tip: &str) {
        // Writing to a String cannot fail.
        let _ = write!(
            self.body,
            r#"<rect class="{class}" x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}">"#,
            from.0,
            from.1,
            size.0.max(0.0),
            size.1.max(0.0)
        );
        if !tip.is_empty() {
            let _ = write!(self.body, "<title>{}</title>", escape(tip));
        }
        self.body.push_str("</rect>\n");
    }

    fn text(&mut self, class: &str, at: (f64, f64), text: &str) {
        let _ = writeln!(
            self.body,
            r#"<text class="{class}" x="{:.1}" y="{:.1}">{}</text>"#,
            at.0,
            at.1,
            escape(text)
        );
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64)) {
        let _ = writeln!(
            self.body,
            r#"<line class="grid" x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}"/>"#,
            from.0, from.1, to.0, to.1
        );
    }

    fn path(&mut self, class: &str, points: &[(f64, f64)], close_at: Option<f64>) {
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
        let mut d = String::new();
        for (i, (x, y)) in points.iter().enumerate() {
            let _ = write!(d, "{}{x:.1} {y:.1}", if i == 0 { "M" } else { "L" });
        }
        if let Some(floor) = close_at {
            let _ = write!(d, "L{:.1} {floor:.1}L{:.1} {floor:.1}Z", last.0, first.0);
        }
        let _ = writeln!(self.body, r#"<path class="{class}" d="{d}"/>"#);
    }
}

impl Picture<'_> {
    /// The SVG document.
    pub fn svg(&self) -> String {
        let start = self.start();
        let seconds = self.end.since(start).as_secs_f64().max(1.0);
        let mut canvas = Canvas { body: String::new(), start, seconds };
        let height = self.height();
        self.steps(&mut canvas, height);
        let mut y = TOP;
        y = self.requests(&mut canvas, y);
        y = self.server_lanes(&mut canvas, y);
        y = self.director_areas(&mut canvas, y);
        y = self.route_lanes(&mut canvas, y);
        y = self.long_lived(&mut canvas, y);
        axis(&mut canvas, y);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
             <title>Evenkeel demo</title>\n<style>{STYLE}</style>\n\
             <rect class=\"bg\" x=\"0\" y=\"0\" width=\"{WIDTH}\" height=\"{height}\"/>\n{}</svg>\n",
            canvas.body
        )
    }

    /// The set-up is not drawn.
    fn start(&self) -> Instant {
        self.report.steps.first().map_or(Instant::ZERO, |step| seconds(step.started_s))
    }

    fn height(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a handful of lanes")]
        let (directors, servers) = (self.directors.len() as f64, self.servers.len() as f64);
        TOP + CHART + servers * LANE + directors * (AREA + LANE) + AREA + 5.0 * GAP + 40.0
    }

    fn steps(&self, canvas: &mut Canvas, height: f64) {
        canvas.text("big", (16.0, 30.0), "Two directors, one VIP, three real servers");
        let totals = self.ledger.tally(Instant::ZERO, Instant::from_micros(u64::MAX));
        let told = format!(
            "{} short requests at {}/s, {} failed · {} long-lived connections, {} broken · kernel {}",
            totals.answered_total() + totals.failed_total(),
            self.report.rate_per_s,
            totals.failed_total(),
            self.report.long_lived,
            totals.broken,
            self.report.kernel
        );
        canvas.text("soft", (16.0, 50.0), &told);
        for (i, step) in self.report.steps.iter().enumerate() {
            let from = canvas.x(seconds(step.started_s));
            let to = canvas.x(seconds(step.ended_s));
            if i % 2 == 1 {
                canvas.rect("band", (from, 60.0), (to - from, height - 84.0), "");
            }
            canvas.line((from, 60.0), (from, height - 24.0));
            let class = if step.failed_check().is_some() { "mid strong bad" } else { "mid strong" };
            // Labels take turns on two lines: a short step is narrower than its name.
            let y = if i % 2 == 1 { 74.0 } else { 90.0 };
            canvas.text(class, (f64::midpoint(from, to), y), &step.label);
        }
    }

    fn requests(&self, canvas: &mut Canvas, top: f64) -> f64 {
        let bins = self.bins();
        let most = bins.iter().map(Bin::total).max().unwrap_or(0).max(1);
        label(canvas, top, "requests per second", &format!("up to {:.0}/s", per_second(most)));
        let unit = CHART / float(most);
        for (i, bin) in bins.iter().enumerate() {
            let from = canvas.x(canvas.start + BIN * u32::try_from(i).unwrap_or(u32::MAX));
            let width = canvas.bin();
            let mut y = top + CHART;
            for (server, count) in bin.answered.iter().enumerate().filter(|(_, count)| **count > 0) {
                let size = float(*count) * unit;
                y -= size;
                canvas.rect(&format!("s{server}"), (from, y), (width - 0.6, size), "");
            }
            if bin.failed > 0 {
                let size = float(bin.failed) * unit;
                let tip = format!("{} failed", bin.failed);
                canvas.rect("bad", (from, y - size), (width - 0.6, size), &tip);
            }
        }
        canvas.line((LEFT, top + CHART), (WIDTH - RIGHT, top + CHART));
        top + CHART + GAP
    }

    fn server_lanes(&self, canvas: &mut Canvas, top: f64) -> f64 {
        let bins = self.bins();
        let width = canvas.bin();
        let mut y = top;
        for (server, name) in self.servers.iter().enumerate() {
            canvas.text("right", (LEFT - 10.0, y + 13.0), &format!("server {name} answers"));
            let busy = |bin: &Bin| bin.answered.get(server).is_some_and(|count| *count > 0);
            for (from, to) in spans(&bins, busy) {
                let start = canvas.x(canvas.start + BIN * from);
                canvas.rect(
                    &format!("s{server}"),
                    (start, y + 3.0),
                    (f64::from(to - from) * width, LANE - 6.0),
                    "",
                );
            }
            y += LANE;
        }
        y + GAP
    }

    fn director_areas(&self, canvas: &mut Canvas, top: f64) -> f64 {
        let rates: Vec<Vec<(Instant, f64)>> = (0..self.directors.len()).map(|d| self.rates(d)).collect();
        let most = rates.iter().flatten().map(|(_, rate)| *rate).fold(1.0, f64::max);
        let mut y = top;
        for (director, (name, _)) in self.directors.iter().enumerate() {
            label(canvas, y, &format!("{name}: connections/s"), &format!("up to {most:.0}/s"));
            let points: Vec<(f64, f64)> = rates[director]
                .iter()
                .map(|(at, rate)| (canvas.x(*at), y + AREA - rate / most * (AREA - 4.0)))
                .collect();
            canvas.path(&format!("d{director}"), &points, Some(y + AREA));
            canvas.line((LEFT, y + AREA), (WIDTH - RIGHT, y + AREA));
            y += AREA;
        }
        y + GAP
    }

    fn route_lanes(&self, canvas: &mut Canvas, top: f64) -> f64 {
        let mut y = top;
        for (director, (name, address)) in self.directors.iter().enumerate() {
            canvas.text("right", (LEFT - 10.0, y + 13.0), &format!("route via {name}"));
            let mut since: Option<Instant> = None;
            let closing = Change {
                at: self.end,
                next_hops: std::collections::BTreeSet::new(),
                seen: crate::observe::fib::Seen::Read,
            };
            for change in self.routes.iter().chain(std::iter::once(&closing)) {
                match (since, change.next_hops.contains(address)) {
                    (None, true) => since = Some(change.at),
                    (Some(from), false) => {
                        let (start, end) = (canvas.x(from), canvas.x(change.at));
                        canvas.rect(&format!("d{director}"), (start, y + 3.0), (end - start, LANE - 6.0), "");
                        since = None;
                    }
                    (None, false) | (Some(_), true) => {}
                }
            }
            y += LANE;
        }
        y + GAP
    }

    fn long_lived(&self, canvas: &mut Canvas, top: f64) -> f64 {
        let shown = || self.samples.iter().filter(|s| s.at >= self.start());
        let most = shown().map(|s| s.long_open).max().unwrap_or(0).max(1);
        label(canvas, top, "long-lived standing", "▲ one broke");
        let points: Vec<(f64, f64)> = shown()
            .map(|s| (canvas.x(s.at), top + AREA - float(s.long_open) / float(most) * (AREA - 12.0)))
            .collect();
        canvas.path("line", &points, None);
        for broken in self.ledger.breaks() {
            let at = canvas.x(broken.at);
            let tip = format!("a connection to server {} broke: {}", broken.server, broken.failure);
            let _ = write!(
                canvas.body,
                r#"<path class="bad break" d="M{:.1} {:.1}l4 8h-8Z"><title>{}</title></path>"#,
                at,
                top + AREA - 8.0,
                escape(&tip)
            );
            canvas.body.push('\n');
        }
        canvas.line((LEFT, top + AREA), (WIDTH - RIGHT, top + AREA));
        top + AREA
    }

    fn bins(&self) -> Vec<Bin> {
        let start = self.start();
        let count = micros(self.end.since(start)).div_ceil(micros(BIN)).min(100_000);
        let mut bins = vec![
            Bin { answered: vec![0; self.servers.len()], failed: 0 };
            usize::try_from(count).unwrap_or(0)
        ];
        for request in self.ledger.requests().iter().filter(|r| r.started_at >= start) {
            let index = request.started_at.since(start).as_micros() / BIN.as_micros();
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            let Some(bin) = bins.get_mut(index) else { continue };
            match &request.outcome {
                Ok(name) => {
                    let server = self.servers.iter().position(|s| s == name);
                    if let Some(slot) = server.and_then(|s| bin.answered.get_mut(s)) {
                        *slot += 1;
                    }
                }
                Err(_) => bin.failed += 1,
            }
        }
        bins
    }

    /// Connections per second of one director between samples about a second apart.
    fn rates(&self, director: usize) -> Vec<(Instant, f64)> {
        let mut rates = Vec::new();
        let mut last: Option<(Instant, u64)> = None;
        for sample in self.samples.iter().filter(|s| s.at >= self.start()) {
            let Some(count) = sample.connections.get(director).copied() else { continue };
            match last {
                Some((at, before)) => {
                    let span = sample.at.since(at).as_secs_f64();
                    if span >= 0.9 {
                        rates.push((sample.at, float(count.saturating_sub(before)) / span));
                        last = Some((sample.at, count));
                    }
                }
                None => last = Some((sample.at, count)),
            }
        }
        rates
    }
}

#[derive(Clone, Debug)]
struct Bin {
    answered: Vec<u64>,
    failed: u64,
}

impl Bin {
    fn total(&self) -> u64 {
        self.answered.iter().sum::<u64>() + self.failed
    }
}

/// Rows of neighbouring bins that `busy` accepts, as half-open ranges. A single idle bin between two busy ones is chance
/// at these rates, and closes no row.
fn spans(bins: &[Bin], busy: impl Fn(&Bin) -> bool) -> Vec<(u32, u32)> {
    let mut spans: Vec<(u32, u32)> = Vec::new();
    for (i, _) in bins.iter().enumerate().filter(|(_, bin)| busy(bin)) {
        let i = u32::try_from(i).unwrap_or(u32::MAX);
        match spans.last_mut() {
            Some(last) if last.1 + 1 >= i => last.1 = i + 1,
            _ => spans.push((i, i + 1)),
        }
    }
    spans
}

fn label(canvas: &mut Canvas, top: f64, name: &str, detail: &str) {
    canvas.text("right", (LEFT - 10.0, top + 13.0), name);
    canvas.text("right soft", (LEFT - 10.0, top + 29.0), detail);
}

fn axis(canvas: &mut Canvas, y: f64) {
    let mut second = 0_u32;
    while f64::from(second) <= canvas.seconds {
        let x = canvas.x(canvas.start + Duration::from_secs(u64::from(second)));
        canvas.line((x, y), (x, y + 5.0));
        canvas.text("mid soft", (x, y + 18.0), &format!("{second} s"));
        second += 10;
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn seconds(s: f64) -> Instant {
    Instant::ZERO + Duration::try_from_secs_f64(s).unwrap_or_default()
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX).max(1)
}

fn per_second(count: u64) -> f64 {
    float(count) / BIN.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::Ipv4Addr;

    use super::super::report::tests::sample;
    use super::*;
    use crate::observe::fib::Seen;
    use crate::traffic::ledger::Failure;

    const D1: Ipv4Addr = Ipv4Addr::new(10, 1, 1, 2);

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    fn drawn() -> String {
        let mut ledger = Ledger::default();
        for i in 0..400_u64 {
            let id = ledger.started(at(i * 35));
            let outcome = if i % 50 == 7 {
                Err(Failure::Refused)
            } else {
                Ok(["a", "b"][usize::from(i % 2 == 0)].into())
            };
            ledger.finished(id, at(i * 35 + 3), outcome);
        }
        ledger.long_opened(1, at(100), "a<b>".into());
        ledger.long_broke(1, at(6200), Failure::Reset);
        let samples: Vec<Sample> =
            (0..14).map(|s| Sample { at: at(s * 1000), connections: vec![s * 30], long_open: 1 }).collect();
        let routes = [
            Change { at: at(100), next_hops: BTreeSet::from([D1]), seen: Seen::Notified },
            Change { at: at(9000), next_hops: BTreeSet::new(), seen: Seen::Notified },
        ];
        let report = sample();
        let picture = Picture {
            report: &report,
            ledger: &ledger,
            samples: &samples,
            routes: &routes,
            directors: &[("d1".into(), D1)],
            servers: &["a".into(), "b".into()],
            end: at(14_000),
        };
        picture.svg()
    }

    /// Every tag is closed in order, every ampersand begins an entity, attributes are quoted.
    fn assert_well_formed(xml: &str) {
        let mut open: Vec<&str> = Vec::new();
        let mut rest = xml;
        while let Some(start) = rest.find('<') {
            let text = &rest[..start];
            assert!(!text.contains('>'), "a loose > in {text:?}");
            for entity in text.split('&').skip(1) {
                assert!(
                    entity.split_once(';').is_some_and(|(n, _)| ["amp", "lt", "gt", "quot"].contains(&n)),
                    "{text:?}"
                );
            }
            let end = rest[start..].find('>').expect("a tag ends") + start;
            let tag = &rest[start + 1..end];
            assert!(tag.matches('"').count().is_multiple_of(2), "quotes in {tag:?}");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "closing order");
            } else if !tag.ends_with('/') {
                open.push(tag.split_whitespace().next().expect("a tag has a name"));
            }
            rest = &rest[end + 1..];
        }
        assert!(open.is_empty(), "left open: {open:?}");
    }

    #[test]
    fn the_picture_is_well_formed_xml() {
        assert_well_formed(&drawn());
    }

    #[test]
    fn the_picture_needs_nothing_from_elsewhere_and_knows_the_dark() {
        let svg = drawn();
        for foreign in ["href", "url(", "@import", "<script", "<image"] {
            assert!(!svg.contains(foreign), "{foreign} in the picture");
        }
        assert_eq!(svg.matches("http").count(), 1, "only the name of the format");
        assert!(svg.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn steps_failures_breaks_and_routes_are_drawn() {
        let svg = drawn();
        assert!(svg.contains(">steady</text>") && svg.contains(">a dies</text>"));
        assert_eq!(svg.matches(" failed</title>").count(), 8);
        assert_eq!(svg.matches("class=\"bad break\"").count(), 1);
        assert!(svg.contains("server a&lt;b&gt; broke: reset"));
        assert_eq!(svg.matches(r#"<rect class="d0""#).count(), 1, "one span of the route");
    }
}
