//! What the documentation says must be true: its configurations load, its links lead somewhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn pages() -> Vec<(PathBuf, String)> {
    let mut pages = files("docs/src", "md");
    pages.push(root().join("README.md"));
    pages.sort();
    pages.into_iter().map(|file| (file.clone(), std::fs::read_to_string(&file).unwrap())).collect()
}

/// All files below a folder of the repository with this extension.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut folders = vec![root().join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|found| found == extension) {
                files.push(entry);
            }
        }
    }
    files
}

/// The fenced blocks of one language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    page.split("```")
        .skip(1)
        .step_by(2)
        .filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'))
        .collect()
}

#[test]
fn every_configuration_in_the_documentation_loads() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "12345678").unwrap();
    let (mut ospfd, mut director) = (0, 0);
    for (page, text) in pages() {
        for block in blocks(&text, "toml") {
            let file = folder.path().join("written.toml");
            std::fs::write(&file, block.replace("/etc/evenkeel/ospf.secret", secret.to_str().unwrap()))
                .unwrap();
            let problem = if block.contains("router_id") {
                ospfd += 1;
                ospfd::runtime::config::load(&file).err()
            } else if block.contains("[service.") {
                director += 1;
                director::config::read(&file).err()
            } else {
                continue;
            };
            if let Some(problem) = problem {
                panic!("a configuration in {} does not load:\n{problem}", page.display());
            }
        }
    }
    assert!(ospfd >= 3 && director >= 3, "found {ospfd} configurations of ospfd and {director} of director");
}

#[test]
fn every_link_in_the_documentation_leads_to_a_file() {
    let mut links = 0;
    for (page, text) in pages() {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") || target.starts_with('#') {
                continue;
            }
            let file = page.parent().unwrap().join(target.split('#').next().unwrap());
            assert!(file.exists(), "{} links to {target}, which is not there", page.display());
            links += 1;
        }
    }
    assert!(links > 20, "found only {links} links");
}

#[test]
fn every_page_stands_in_the_summary() {
    let summary = std::fs::read_to_string(root().join("docs/src/SUMMARY.md")).unwrap();
    for (page, _) in pages() {
        let Ok(name) = page.strip_prefix(root().join("docs/src")) else { continue };
        let name = name.to_str().unwrap();
        assert!(name == "SUMMARY.md" || summary.contains(name), "{name} is not in SUMMARY.md");
    }
}

/// The number of the pitfall that a test is named after: 5 of `p5_…`.
fn pitfall(test: &str) -> Option<u8> {
    let (number, _) = test.strip_prefix('p')?.split_once('_')?;
    number.parse().ok()
}

/// The tests in the sources that are named after a pitfall.
fn pitfall_tests() -> BTreeSet<String> {
    let sources = ["ospfd/src", "ospfd/tests", "integration/tests"].map(|folder| files(folder, "rs"));
    let mut tests = BTreeSet::new();
    for text in sources.iter().flatten().map(|file| std::fs::read_to_string(file).unwrap()) {
        let mut is_test = false;
        for line in text.lines().map(str::trim_start) {
            if let Some(signature) = line.strip_prefix("fn ") {
                let name = signature.split('(').next().unwrap();
                if is_test && pitfall(name).is_some() {
                    tests.insert(name.to_owned());
                }
            }
            is_test = line == "#[test]" || (is_test && line.starts_with("#["));
        }
    }
    tests
}

#[test]
fn every_pitfall_is_listed_with_the_tests_that_are_named_after_it() {
    let page = std::fs::read_to_string(root().join("docs/src/interop.md")).unwrap();
    let mut listed = BTreeSet::new();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| P")).collect();
    assert_eq!(rows.len(), 9, "{rows:#?}");
    for (row, number) in rows.into_iter().zip(1..) {
        assert!(row.starts_with(&format!("| P{number} |")), "P{number} is not in its place: {row}");
        let tests = row.split('`').filter(|code| pitfall(code) == Some(number));
        let before = listed.len();
        listed.extend(tests.map(str::to_owned));
        // P6 is the only one that concerns OSPFv3 alone.
        assert_eq!(listed.len() == before, number == 6, "{row}");
    }
    assert_eq!(listed, pitfall_tests());
}
