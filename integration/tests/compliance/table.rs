//! The compliance tables as they are written: pages of Markdown, one row per clause.

use crate::section::Section;

/// What every table starts with.
const HEADER: [&str; 4] = ["Section", "Clause", "Code", "Test"];
/// In the column `Code`: this clause does not bind us, or we depart from it. The reason stands in the column `Test`.
const NO_CODE: &str = "—";

/// A file of the repository, and what is meant in it: `ospfd/src/core/age.rs::expire`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: String,
    pub(crate) item: Option<String>,
}

impl Place {
    fn parse(text: &str) -> Self {
        let text = text.trim().trim_matches('`');
        match text.split_once("::") {
            Some((path, item)) => Self {
                path: path.to_owned(),
                // Of `Type::method` the method.
                item: item.rsplit("::").next().map(str::to_owned),
            },
            None => Self { path: text.to_owned(), item: None },
        }
    }
}

/// What we say about a clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    /// It binds us: here it is obeyed, and this shows it.
    Kept { code: Vec<Place>, tests: Vec<Place> },
    /// It does not bind us, or we depart from it, for this reason.
    Not { reason: String },
}

/// One clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) page: String,
    pub(crate) line: usize,
    pub(crate) rfc: u32,
    pub(crate) section: Section,
    pub(crate) clause: String,
    pub(crate) status: Status,
}

impl Row {
    /// Where the row stands, for messages.
    pub(crate) fn at(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }
}

/// What a page is about, by its name: `rfc2328/section-10.md` is chapter 10, `rfc5709.md` a whole RFC.
pub(crate) fn subject(page: &str) -> Option<(u32, Option<Section>)> {
    let name = page.strip_prefix("rfc")?.strip_suffix(".md")?;
    let Some((rfc, chapter)) = name.split_once('/') else {
        return Some((name.parse().ok()?, None));
    };
    let chapter = match chapter.strip_prefix("section-") {
        Some(number) => number.parse::<u32>().ok()?.to_string(),
        None => chapter.strip_prefix("appendix-")?.to_uppercase(),
    };
    Some((rfc.parse().ok()?, Some(Section::parse(&chapter)?)))
}

/// The rows of a page, and what is wrong with how it is written.
pub(crate) fn rows(page: &str, text: &str) -> (Vec<Row>, Vec<String>) {
    let Some((rfc, chapter)) = subject(page) else {
        return (Vec::new(), vec![format!("{page}: the name says neither RFC nor chapter")]);
    };
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    let mut in_table = false;
    for (line, cells) in text.lines().enumerate().map(|(line, text)| (line + 1, cells(text))) {
        let Some(cells) = cells else {
            in_table = false;
            continue;
        };
        let is_rule = cells.iter().all(|cell| cell.chars().all(|c| c == '-') && !cell.is_empty());
        match (in_table, is_rule) {
            (false, _) => {
                in_table = true;
                if cells != HEADER {
                    problems.push(format!("{page}:{line}: a table starts with {}", HEADER.join(" | ")));
                }
            }
            (true, true) => {}
            (true, false) => match row(&cells) {
                Err(problem) => problems.push(format!("{page}:{line}: {problem}")),
                Ok((section, clause, status)) => {
                    if chapter.as_ref().is_some_and(|chapter| !section.is_in(chapter)) {
                        problems.push(format!("{page}:{line}: section {section} is of another page"));
                    }
                    rows.push(Row { page: page.to_owned(), line, rfc, section, clause, status });
                }
            },
        }
    }
    if rows.is_empty() {
        problems.push(format!("{page}: no rows"));
    }
    (rows, problems)
}

fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?;
    Some(inner.strip_suffix('|').unwrap_or(inner).split('|').map(str::trim).collect())
}

fn row(cells: &[&str]) -> Result<(Section, String, Status), String> {
    let [section, clause, code, tests] = cells else {
        return Err(format!("{} columns in place of {}", cells.len(), HEADER.len()));
    };
    let section = Section::parse(section).ok_or_else(|| format!("{section:?} is no section"))?;
    if clause.is_empty() {
        return Err("no clause".into());
    }
    let status = if *code == NO_CODE {
        if tests.is_empty() || *tests == NO_CODE {
            return Err("no reason why the clause is not kept".into());
        }
        Status::Not { reason: (*tests).to_owned() }
    } else {
        if code.is_empty() || tests.is_empty() || *tests == NO_CODE {
            return Err("a clause that binds us has code and a test".into());
        }
        let places = |cell: &str| cell.split("<br>").map(Place::parse).collect::<Vec<_>>();
        let tests = places(tests);
        if let Some(place) = tests.iter().find(|place| place.item.is_none()) {
            return Err(format!("{} names no test", place.path));
        }
        Status::Kept { code: places(code), tests }
    };
    Ok((section, (*clause).to_owned(), status))
}
