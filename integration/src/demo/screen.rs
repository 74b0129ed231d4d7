//! Live output: a block that redraws itself on a terminal, plain lines on a pipe.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use common::time::Instant;

/// Columns of the redrawn block.
const WIDTH: usize = 96;
/// Plain lines come at most this often.
const PLAIN_EVERY: Duration = Duration::from_secs(2);
/// The block is redrawn at most this often.
const DRAW_EVERY: Duration = Duration::from_millis(250);

/// What is shown now. Rates are per second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    /// Time on the demo's clock.
    pub at: Instant,
    /// Requests answered.
    pub answered: f64,
    /// Requests failed.
    pub failed: f64,
    /// Directors in order.
    pub directors: Vec<DirectorLive>,
    /// Servers in order.
    pub servers: Vec<ServerLive>,
    /// Names of the directors that the upstream's kernel routes the VIP to.
    pub next_hops: Vec<String>,
    /// Long-lived connections that stand.
    pub long_open: u64,
    /// Those that broke since the demo began.
    pub long_broken: u64,
}

/// One director now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DirectorLive {
    /// Its name.
    pub name: String,
    /// New connections that its kernel scheduled.
    pub rate: f64,
    /// Active connections in its kernel's table.
    pub active: u32,
}

/// One real server now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerLive {
    /// Its name.
    pub name: String,
    /// Requests that it answered.
    pub rate: f64,
    /// Directors whose kernel sends to it.
    pub in_tables: usize,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Lines only, no escape sequences.
    Plain,
    /// Colour, and a block that redraws itself.
    Terminal,
}

/// The place where the demo tells its story.
#[derive(Debug)]
pub struct Screen<W: Write> {
    out: W,
    style: Style,
    drawn: usize,
    shown_at: Option<Instant>,
}

impl<W: Write> Screen<W> {
    /// A screen on `out`.
    pub fn new(out: W, style: Style) -> Self {
        Self { out, style, drawn: 0, shown_at: None }
    }

    /// A line of prose.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        self.clear()?;
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }

    /// The head of a step.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn step(&mut self, number: usize, of: usize, title: &str) -> io::Result<()> {
        let head = format!("[{number}/{of}] {title}");
        self.say("")?;
        self.say(&self.paint(&head, "1"))
    }

    /// A demand that was met or not.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn check(&mut self, passed: bool, what: &str, found: &str) -> io::Result<()> {
        let mark = if passed { self.paint("✓", "32") } else { self.paint("✗", "31;1") };
        let found = if found.is_empty() { String::new() } else { self.paint(&format!("  {found}"), "2") };
        self.say(&format!("  {mark} {what}{found}"))
    }

    /// Shows how things stand, not more often than is good to read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn live(&mut self, live: &Live) -> io::Result<()> {
        let every = if self.style == Style::Terminal { DRAW_EVERY } else { PLAIN_EVERY };
        if self.shown_at.is_some_and(|at| live.at.since(at) < every) {
            return Ok(());
        }
        self.shown_at = Some(live.at);
        match self.style {
            Style::Plain => writeln!(self.out, "{}", live.line())?,
            Style::Terminal => {
                self.clear()?;
                let block = live.block();
                self.drawn = block.len();
                for line in block {
                    writeln!(self.out, "{line}")?;
                }
            }
        }
        self.out.flush()
    }

    /// Takes the block away, so that prose can follow what was said before.
    fn clear(&mut self) -> io::Result<()> {
        if self.drawn > 0 {
            write!(self.out, "\x1b[{}A\x1b[J", self.drawn)?;
            self.drawn = 0;
        }
        Ok(())
    }

    fn paint(&self, text: &str, code: &str) -> String {
        match self.style {
            Style::Plain => text.to_owned(),
            Style::Terminal => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

impl Live {
    /// One plain line.
    pub fn line(&self) -> String {
        let mut line = format!(
            "  {:6.1} s  {:3.0}/s answered {:3.0}/s failed |",
            self.at.since(Instant::ZERO).as_secs_f64(),
            self.answered,
            self.failed
        );
        // Writing to a String cannot fail.
        for director in &self.directors {
            let _ = write!(line, " {} {:.0}/s", director.name, director.rate);
        }
        line.push_str(" |");
        for server in &self.servers {
            let _ = write!(line, " {} {:.0}/s", server.name, server.rate);
        }
        let _ = write!(
            line,
            " | VIP via {} | long-lived {} broken {}",
            self.hops(),
            self.long_open,
            self.long_broken
        );
        line
    }

    /// The block for a terminal.
    pub fn block(&self) -> Vec<String> {
        let most = self.answered.max(self.failed).max(1.0);
        let mut lines = vec![
            format!("  {}", "─".repeat(WIDTH - 4)),
            format!(
                "  requests   {} {:3.0}/s answered   {} {:3.0}/s failed   long-lived {} standing, {} broken",
                bar(self.answered, most, 12, "32"),
                self.answered,
                bar(self.failed, most, 6, "31"),
                self.failed,
                self.long_open,
                self.long_broken
            ),
        ];
        let mut directors = String::from("  directors ");
        for director in &self.directors {
            let _ = write!(
                directors,
                "  {} {} {:3.0}/s {:3} active",
                director.name,
                bar(director.rate, most, 10, "33"),
                director.rate,
                director.active
            );
        }
        let mut servers = String::from("  servers   ");
        for server in &self.servers {
            let state = if server.in_tables == 0 { "out" } else { "in " };
            let _ = write!(
                servers,
                "  {} {} {:3.0}/s {state}",
                server.name,
                bar(server.rate, most, 8, "36"),
                server.rate
            );
        }
        lines.extend([directors, servers, format!("  upstream     VIP via {}", self.hops())]);
        lines
    }

    fn hops(&self) -> String {
        if self.next_hops.is_empty() { "nobody".into() } else { self.next_hops.join(", ") }
    }
}

/// A bar of `width` cells in the given colour.
fn bar(value: f64, most: f64, width: usize, color: &str) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the width first")]
    #[expect(clippy::cast_precision_loss, reason = "a handful of cells")]
    let full = (value / most * width as f64).round().clamp(0.0, width as f64) as usize;
    format!("\x1b[{color}m{}\x1b[0m\x1b[2m{}\x1b[0m", "█".repeat(full), "·".repeat(width - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(ms: u64) -> Live {
        Live {
            at: Instant::from_micros(ms * 1000),
            answered: 40.0,
            directors: vec![DirectorLive { name: "d1".into(), rate: 21.0, active: 7 }],
            servers: vec![ServerLive { name: "a".into(), rate: 13.0, in_tables: 2 }],
            next_hops: vec!["d1".into(), "d2".into()],
            long_open: 12,
            ..Live::default()
        }
    }

    fn written(style: Style, work: impl FnOnce(&mut Screen<&mut Vec<u8>>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        work(&mut Screen::new(&mut out, style)).expect("writing to memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_pipe_gets_plain_lines_at_a_readable_pace() {
        let text = written(Style::Plain, |screen| {
            screen.step(1, 9, "Steady traffic")?;
            for ms in (0..=4000).step_by(100) {
                screen.live(&live(ms))?;
            }
            screen.check(true, "all is well", "in 3 ms")
        });
        assert!(!text.contains('\x1b'), "escape sequences on a pipe: {text:?}");
        assert_eq!(text.matches("VIP via d1, d2").count(), 3);
        assert!(text.contains("[1/9] Steady traffic") && text.contains("✓ all is well  in 3 ms"));
    }

    #[test]
    fn a_terminal_redraws_exactly_what_it_drew() {
        let text = written(Style::Terminal, |screen| {
            screen.live(&live(0))?;
            screen.live(&live(1000))?;
            screen.say("done")?;
            screen.say("really")
        });
        let up = format!("\x1b[{}A\x1b[J", live(0).block().len());
        assert_eq!(text.matches(&up).count(), 2, "{text:?}");
        assert!(text.ends_with("done\nreally\n"));
    }

    #[test]
    fn a_vip_without_a_route_is_told_in_words() {
        let mut gone = live(0);
        gone.next_hops.clear();
        assert!(gone.line().contains("VIP via nobody"));
    }
}
