//! Layered TOML configuration, with diagnostics that point at a file and a line.
//!
//! `FILE.toml`, then `FILE.conf.d/*.toml` in the order of their names, then the environment (`PREFIX__TABLE__KEY=value`) make
//! one document; tables merge, later values win. Each file is first read strictly and by itself, because only
//! then can an error name its line; the `config` crate does the merging afterwards. So the raw types that are read here
//! must take a fragment: `#[serde(deny_unknown_fields)]`, and every key optional. What is required is checked on the merged
//! value, with [`Sources::diagnostic`] for the place.

mod diagnostic;
pub mod duration;

pub use diagnostic::{Diagnostic, Diagnostics, Sources};

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat};
use serde::de::DeserializeOwned;

/// A configuration as it was written, and where.
#[derive(Clone, Debug)]
pub struct Document<T> {
    /// The merged value.
    pub value: T,
    /// The files that it came from.
    pub sources: Sources,
}

/// Reads `path`, its fragments and the environment. `env_prefix` is e.g. `EVENKEEL_OSPFD`.
///
/// # Errors
/// Everything that is wrong with the files, each with its place; the merged value is not looked at before every file is sound.
pub fn load<T: DeserializeOwned>(path: &Path, env_prefix: &str) -> Result<Document<T>, Diagnostics> {
    let mut sources = Sources::default();
    let mut found = Diagnostics::default();
    for file in files(path, &mut found) {
        match std::fs::read_to_string(&file) {
            Ok(text) => sources.add(file, text),
            Err(error) => found.push(
                Diagnostic::of_file(&file, &format!("cannot be read: {error}"))
                    .help("give the right path with --config, and see that this user may read the file"),
            ),
        }
    }
    let mut values = Vec::new();
    for source in sources.iter() {
        match toml::from_str::<T>(source.text()) {
            Ok(value) => values.push(value),
            Err(error) => found.push(Diagnostic::of_toml(source, &error)),
        }
    }
    found.into_result()?;
    // Merging takes three times as long as reading, and most hosts have one file.
    let value = match values.pop() {
        Some(value) if values.is_empty() && !is_overridden(env_prefix) => value,
        _ => merge(&sources, env_prefix)?,
    };
    Ok(Document { value, sources })
}

/// Reads `text` alone, without fragments and environment; `name` stands for it in diagnostics.
///
/// # Errors
/// What is wrong with it.
pub fn parse<T: DeserializeOwned>(name: &Path, text: &str) -> Result<Document<T>, Diagnostics> {
    let mut sources = Sources::default();
    sources.add(name.to_owned(), text.to_owned());
    match toml::from_str(text) {
        Ok(value) => Ok(Document { value, sources }),
        Err(error) => {
            let mut found = Diagnostics::default();
            for source in sources.iter() {
                found.push(Diagnostic::of_toml(source, &error));
            }
            Err(found)
        }
    }
}

fn files(path: &Path, found: &mut Diagnostics) -> Vec<PathBuf> {
    let mut files = vec![path.to_owned()];
    let fragments = path.with_extension("conf.d");
    match std::fs::read_dir(&fragments) {
        Ok(entries) => {
            let mut names: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
            names.retain(|name| name.extension() == Some(OsStr::new("toml")));
            names.sort();
            files.append(&mut names);
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => found.push(Diagnostic::of_file(&fragments, &format!("cannot be listed: {error}"))),
    }
    files
}

/// Does the environment say anything for this prefix?
fn is_overridden(env_prefix: &str) -> bool {
    let prefix = format!("{env_prefix}__").to_lowercase();
    std::env::vars_os().any(|(name, _)| name.to_string_lossy().to_lowercase().starts_with(&prefix))
}

fn merge<T: DeserializeOwned>(sources: &Sources, env_prefix: &str) -> Result<T, Diagnostics> {
    let mut builder = Config::builder();
    for source in sources.iter() {
        builder = builder.add_source(File::from_str(source.text(), FileFormat::Toml));
    }
    let environment =
        Environment::with_prefix(env_prefix).prefix_separator("__").separator("__").try_parsing(true);
    builder.add_source(environment).build().and_then(Config::try_deserialize).map_err(|error| {
        let text = format!("the files and the environment do not fit together: {error}");
        Diagnostic::of_environment(env_prefix, text).into()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Raw {
        name: Option<String>,
        service: BTreeMap<String, RawService>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct RawService {
        port: Option<u16>,
        weight: Option<u32>,
        #[serde(with = "duration::option")]
        interval: Option<std::time::Duration>,
    }

    fn written(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let main = folder.path().join("d.toml");
        (folder, main)
    }

    #[test]
    fn fragments_merge_into_named_tables_and_later_files_win() {
        let (_folder, path) = written(&[
            ("d.toml", "name = \"a\"\n[service.\"10.0.0.1\"]\nport = 80\ninterval = \"150ms\"\n"),
            ("d.conf.d/20.toml", "[service.\"10.0.0.1\"]\nport = 82\n"),
            ("d.conf.d/10.toml", "[service.\"10.0.0.1\"]\nport = 81\nweight = 3\n"),
            ("d.conf.d/ignored.txt", "nonsense"),
        ]);
        let document = load::<Raw>(&path, "EVENKEEL_TEST_NONE").unwrap();
        let service = &document.value.service["10.0.0.1"];
        assert_eq!((service.port, service.weight), (Some(82), Some(3)));
        assert_eq!(service.interval, Some(std::time::Duration::from_millis(150)));
        assert_eq!(document.value.name.as_deref(), Some("a"));
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_its_neighbour() {
        let (_folder, path) = written(&[("d.toml", "name = \"a\"\n[service.web]\nprot = 80\n")]);
        let text = load::<Raw>(&path, "EVENKEEL_TEST_NONE").unwrap_err().to_string();
        assert!(text.contains("d.toml:3:1"), "{text}");
        assert!(text.contains("unknown field `prot`"), "{text}");
        assert!(text.contains("did you mean `port`?"), "{text}");
    }

    #[test]
    fn a_wrong_type_and_a_bad_duration_are_named_with_their_lines() {
        let (_folder, path) = written(&[
            ("d.toml", "[service.web]\nport = \"eighty\"\n"),
            ("d.conf.d/a.toml", "\n[service.web]\ninterval = \"3 parsecs\"\n"),
        ]);
        let text = load::<Raw>(&path, "EVENKEEL_TEST_NONE").unwrap_err().to_string();
        assert!(text.contains("d.toml:2:8"), "{text}");
        assert!(text.contains("write a whole number from 0 to 65535, without quotes"), "{text}");
        assert!(text.contains("a.toml:3:12"), "{text}");
        assert!(text.contains("150ms"), "{text}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let (_folder, path) = written(&[]);
        let text = load::<Raw>(&path, "EVENKEEL_TEST_NONE").unwrap_err().to_string();
        assert!(text.contains("d.toml") && text.contains("cannot be read"), "{text}");
    }

    #[test]
    fn a_later_check_finds_the_place_of_a_key_in_the_file_that_set_it_last() {
        let (_folder, path) = written(&[
            ("d.toml", "[service.web]\nport = 80\n[service.web2]\nport = 80\n"),
            ("d.conf.d/a.toml", "[service.web]\nport = 81\n"),
        ]);
        let document = load::<Raw>(&path, "EVENKEEL_TEST_NONE").unwrap();
        let text = document
            .sources
            .diagnostic(&["service", "web", "port"], "this port is taken")
            .also(&document.sources, &["service", "web2", "port"], "by this one")
            .help("choose another")
            .to_string();
        assert!(text.contains("a.toml:2:8") && text.contains("d.toml:4:8"), "{text}");
        assert!(text.contains("choose another"), "{text}");
        // A key that nobody wrote: the nearest table that somebody did.
        let nearest = document.sources.diagnostic(&["service", "web2", "weight"], "missing").to_string();
        assert!(nearest.contains("d.toml:3:"), "{nearest}");
    }
}
