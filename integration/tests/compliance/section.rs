//! Numbers of sections, and where comments cite them.

use std::fmt;

/// What a comment means that names a section and no RFC, in a file whose head names none either.
const USUAL_RFC: u32 = 2328;

/// The number of a section or appendix, by its parts: `["10", "5"]`, `["D", "4", "3"]`. Steps in brackets are not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section(Vec<String>);

impl Section {
    /// Of `10.5`, `16.1 (2)(b)`, `D.4.3`: what comes before the first character that is of no number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let first = text.chars().next()?;
        let mut parts = Vec::new();
        let mut rest = text;
        if first.is_ascii_uppercase() {
            parts.push(first.to_string());
            rest = &text[1..];
            if rest.starts_with(|next: char| next.is_alphanumeric()) {
                return None;
            }
        } else {
            let (number, after) = number(rest)?;
            parts.push(number.to_owned());
            rest = after;
        }
        while let Some((part, after)) = rest.strip_prefix('.').and_then(number) {
            parts.push(part.to_owned());
            rest = after;
        }
        Some(Self(parts))
    }

    /// Is it `other`, or a part of it?
    pub(crate) fn is_in(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// Does a row about this section account for a comment that cites `other`? It does for what is in it or what it is in; a
    /// whole chapter accounts for no single section.
    pub(crate) fn accounts_for(&self, other: &Self) -> bool {
        self.is_in(other) || (self.0.len() > 1 && other.is_in(self))
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

fn number(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// A comment that cites an RFC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) line: usize,
    pub(crate) rfc: u32,
    pub(crate) section: Section,
}

/// What the comments of a Rust file cite. A section without an RFC is of the one named before it in the same comment, or else
/// of the first that the head of the file names.
pub(crate) fn references(source: &str) -> Vec<Reference> {
    let head = source.lines().take_while(|line| line.starts_with("//!"));
    let usual = head.flat_map(citations).find_map(Citation::rfc).unwrap_or(USUAL_RFC);
    let mut rfc = usual;
    let mut found = Vec::new();
    for (at, line) in source.lines().enumerate() {
        if !line.trim_start().starts_with("//") {
            rfc = usual;
        }
        for citation in comment(line).map(citations).unwrap_or_default() {
            match citation {
                Citation::Rfc(named) => rfc = named,
                Citation::Section(section) => found.push(Reference { line: at + 1, rfc, section }),
            }
        }
    }
    found
}

/// The comment of a line. An address has its slashes after a colon, not after a space.
fn comment(line: &str) -> Option<&str> {
    if line.trim_start().starts_with("//") {
        return Some(line);
    }
    line.split_once(" // ").map(|(_, comment)| comment)
}

enum Citation {
    Rfc(u32),
    Section(Section),
}

impl Citation {
    fn rfc(self) -> Option<u32> {
        match self {
            Self::Rfc(rfc) => Some(rfc),
            Self::Section(_) => None,
        }
    }
}

/// `RFC 2328`, `§10.5`, `appendix D`, `D.4.3`: where such words start.
fn citations(text: &str) -> Vec<Citation> {
    let mut found = Vec::new();
    for (at, first) in text.char_indices() {
        let starts_word = !text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '.');
        let here = &text[at..];
        if first == '§' {
            found.extend(Section::parse(&here[first.len_utf8()..]).map(Citation::Section));
        } else if !starts_word {
            continue;
        } else if let Some((digits, _)) = here.strip_prefix("RFC ").and_then(number) {
            found.extend(digits.parse().ok().map(Citation::Rfc));
        } else if let Some(name) = here.strip_prefix("appendix ") {
            // With a number behind the letter it is found at the letter.
            found.extend(Section::parse(name).filter(|section| section.0.len() == 1).map(Citation::Section));
        } else if ('A'..='D').contains(&first) && here[1..].starts_with('.') {
            found.extend(Section::parse(here).filter(|section| section.0.len() > 1).map(Citation::Section));
        }
    }
    found
}
