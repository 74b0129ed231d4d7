//! The compliance tables must be true: every clause that binds us leads to code that cites it and to a test that runs, and
//! every clause that the code cites stands in a table.

use std::path::{Path, PathBuf};

mod bad_rows;
mod check;
mod section;
mod table;

use check::{problems, unlisted};
use table::{Row, Status, rows};

const TABLES: &str = "docs/src/compliance";
/// The sources whose comments cite RFCs.
const CITING: [&str; 2] = ["ospfd/src", "common/src"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(root().join(path)).ok()
}

/// All files below a folder of the repository with this extension, as paths from the root.
fn files(folder: &str, extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The pages with tables, by their path below the folder of tables.
fn pages() -> Vec<(String, String)> {
    files(TABLES, "md")
        .into_iter()
        .map(|file| (file[TABLES.len() + 1..].to_owned(), read(&file).unwrap()))
        .filter(|(page, _)| page != "README.md")
        .collect()
}

fn all_rows() -> (Vec<Row>, Vec<String>) {
    let (mut all, mut problems) = (Vec::new(), Vec::new());
    for (page, text) in pages() {
        let (rows, wrong) = rows(&page, &text);
        all.extend(rows);
        problems.extend(wrong);
    }
    (all, problems)
}

#[track_caller]
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn every_page_is_a_table_with_rows_and_stands_in_the_summary() {
    let (_, mut problems) = all_rows();
    let summary = read("docs/src/SUMMARY.md").unwrap();
    for (page, _) in pages() {
        if !summary.contains(&format!("(compliance/{page})")) {
            problems.push(format!("{page} is not in SUMMARY.md"));
        }
    }
    assert_none(&problems);
}

#[test]
fn every_row_leads_to_code_that_cites_the_clause_and_to_tests() {
    let (rows, _) = all_rows();
    assert_none(&rows.iter().flat_map(|row| problems(row, &read)).collect::<Vec<_>>());
}

#[test]
fn no_clause_stands_twice() {
    let (rows, _) = all_rows();
    let mut said = std::collections::BTreeMap::new();
    let twice = rows.iter().filter_map(|row| {
        let before = said.insert((row.rfc, row.section.to_string(), &row.clause), row.at())?;
        Some(format!("{}: the same clause as {before}", row.at()))
    });
    assert_none(&twice.collect::<Vec<_>>());
}

#[test]
fn every_clause_that_the_code_cites_has_a_row() {
    let (rows, _) = all_rows();
    let sources: Vec<String> = CITING.iter().flat_map(|folder| files(folder, "rs")).collect();
    assert!(sources.len() > 100, "found only {} sources", sources.len());
    let missing = sources.iter().flat_map(|path| unlisted(path, &read(path).unwrap(), &rows));
    assert_none(&missing.collect::<Vec<_>>());
}

/// Shown by `cargo test -p integration --test compliance -- --nocapture`.
#[test]
fn the_binding_clauses_are_counted() {
    let (rows, _) = all_rows();
    let mut total = 0;
    for (page, _) in pages() {
        let of_page = || rows.iter().filter(|row| row.page == page);
        let kept = of_page().filter(|row| matches!(row.status, Status::Kept { .. })).count();
        println!("{kept:4} kept, {:3} not  {page}", of_page().count() - kept);
        total += kept;
    }
    println!("{total:4} clauses that bind us");
    assert!(total > 0);
}
