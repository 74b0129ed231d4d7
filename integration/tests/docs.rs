//! What the documentation says must be true: its configurations load, its links lead somewhere.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn pages() -> Vec<(PathBuf, String)> {
    let mut folders = vec![root().join("docs/src")];
    let mut files = vec![root().join("README.md")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "md") {
                files.push(entry);
            }
        }
    }
    files.sort();
    files.into_iter().map(|file| (file.clone(), std::fs::read_to_string(&file).unwrap())).collect()
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
