//! What a row says, held against the sources.

use crate::section::{Section, references};
use crate::table::{Place, Row, Status};

/// RFCs whose clauses stand in no table: checksums and dates (905, 1071, 2104, 3339), and what we leave out (1583, 1584, 1793, 8770).
const WITHOUT_PAGE: [u32; 8] = [905, 1071, 1583, 1584, 1793, 2104, 3339, 8770];

/// A reader of the repository's files, by path.
pub(crate) type Read<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What is not true of a row.
pub(crate) fn problems(row: &Row, read: Read<'_>) -> Vec<String> {
    let Status::Kept { code, tests } = &row.status else { return Vec::new() };
    let code = code.iter().filter_map(|place| code_problem(place, row, read));
    let tests = tests.iter().filter_map(|place| test_problem(place, read));
    code.chain(tests).map(|problem| format!("{}: {problem}", row.at())).collect()
}

fn code_problem(place: &Place, row: &Row, read: Read<'_>) -> Option<String> {
    let Some(text) = read(&place.path) else {
        return Some(format!("{} is not there", place.path));
    };
    if let Some(item) = place.item.as_deref().filter(|item| !defines(&text, item)) {
        return Some(format!("{} does not define {item}", place.path));
    }
    let cited = |cited_rfc, section: &Section| cited_rfc == row.rfc && section.is_in(&row.section);
    let cites = references(&text).iter().any(|reference| cited(reference.rfc, &reference.section));
    (!cites).then(|| format!("{} has no comment that cites RFC {} §{}", place.path, row.rfc, row.section))
}

fn test_problem(place: &Place, read: Read<'_>) -> Option<String> {
    let Some(text) = read(&place.path) else {
        return Some(format!("{} is not there", place.path));
    };
    let name = place.item.as_deref().unwrap_or_default();
    (!is_test(&text, name)).then(|| format!("{} has no test {name}", place.path))
}

/// Does the file define something of this name?
fn defines(text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        let mut words = line.split_whitespace().skip_while(|word| {
            !matches!(
                *word,
                "fn" | "const" | "static" | "struct" | "enum" | "type" | "trait" | "macro_rules!"
            )
        });
        let Some(keyword) = words.next() else { return false };
        // `const fn name`
        let named = match (keyword, words.next()) {
            ("const", Some("fn")) => words.next(),
            (_, named) => named,
        };
        named.is_some_and(|named| is_name(named, name)) && !line.trim_start().starts_with("//")
    })
}

/// Does a word, as `name(argument:`, start with this name?
fn is_name(word: &str, name: &str) -> bool {
    word.strip_prefix(name)
        .is_some_and(|rest| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_'))
}

/// Is there a function of this name that the test harness runs?
fn is_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_function = |line: &str| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("fn ").is_some_and(|rest| is_name(rest, name))
    };
    let above = |at: usize| {
        lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"))
    };
    let is_marked =
        |at: usize| above(at).any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"));
    (0..lines.len()).any(|at| is_function(lines[at]) && is_marked(at))
}

/// What a file cites that no row accounts for, but for the RFCs that have no page for a reason.
pub(crate) fn unlisted(path: &str, text: &str, rows: &[Row]) -> Vec<String> {
    references(text)
        .into_iter()
        .filter(|cited| {
            let mut of_rfc = rows.iter().filter(|row| row.rfc == cited.rfc);
            !WITHOUT_PAGE.contains(&cited.rfc) && !of_rfc.any(|row| row.section.accounts_for(&cited.section))
        })
        .map(|cited| format!("{path}:{}: no row for RFC {} §{}", cited.line, cited.rfc, cited.section))
        .collect()
}
