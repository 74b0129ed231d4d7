//! What is wrong with a configuration: what, where, and what to do.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use toml::de::{DeTable, DeValue};

/// How like two words must be for one to be suggested for the other.
const SIMILAR: f64 = 0.7;

/// One file of a configuration.
#[derive(Clone, Debug)]
pub(super) struct SourceFile(Arc<(PathBuf, String)>);

impl SourceFile {
    fn path(&self) -> &Path {
        &self.0.0
    }

    pub(super) fn text(&self) -> &str {
        &self.0.1
    }
}

/// The files of a configuration, in the order in which they were merged.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    pub(super) fn add(&mut self, path: PathBuf, text: String) {
        self.files.push(SourceFile(Arc::new((path, text))));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter()
    }

    /// A diagnostic about the value at `key`, e.g. `["service", "web", "port"]`. It points at the file that set it last; at the
    /// nearest enclosing table when nobody wrote the key itself.
    pub fn diagnostic(&self, key: &[&str], message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            is_warning: false,
            message: message.into(),
            marks: self.mark(key, "").into_iter().collect(),
            help: None,
        }
    }

    fn mark(&self, key: &[&str], label: &str) -> Option<Mark> {
        let mut best: Option<(usize, Mark)> = None;
        for file in &self.files {
            let Ok(table) = DeTable::parse(file.text()) else { continue };
            let (depth, span) = deepest(table.get_ref(), key);
            let Some(span) = span else { continue };
            if best.as_ref().is_none_or(|(known, _)| depth >= *known) {
                best = Some((depth, Mark { file: file.clone(), span, label: label.to_owned() }));
            }
        }
        best.map(|(_, mark)| mark)
    }
}

/// How many words of `key` exist below `table`, and where the last of them stands: a value's own place, a table's key.
fn deepest(table: &DeTable<'_>, key: &[&str]) -> (usize, Option<Range<usize>>) {
    let Some((first, rest)) = key.split_first() else { return (0, None) };
    let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == first) else {
        return (0, None);
    };
    match value.get_ref() {
        DeValue::Table(inner) => {
            let (depth, span) = deepest(inner, rest);
            (depth + 1, span.or_else(|| Some(name.span())))
        }
        _ => (1, Some(value.span())),
    }
}

#[derive(Clone, Debug)]
struct Mark {
    file: SourceFile,
    span: Range<usize>,
    label: String,
}

/// One thing that is wrong. [`fmt::Display`] renders it as a compiler would: message, file:line:column, the line with a
/// caret, and what to do.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    is_warning: bool,
    message: String,
    marks: Vec<Mark>,
    help: Option<String>,
}

impl Diagnostic {
    pub(super) fn of_file(path: &Path, message: &str) -> Self {
        Self {
            is_warning: false,
            message: format!("{} {message}", path.display()),
            marks: Vec::new(),
            help: None,
        }
    }

    pub(super) fn of_environment(prefix: &str, message: String) -> Self {
        let help = format!("look at the environment variables that begin with {prefix}__");
        Self { is_warning: false, message, marks: Vec::new(), help: Some(help) }
    }

    pub(super) fn of_toml(file: &SourceFile, error: &toml::de::Error) -> Self {
        let message = error.message().to_owned();
        let help = suggestion(&message).or_else(|| remedy(&message).map(str::to_owned));
        let span = error.span().unwrap_or(0..0);
        Self {
            is_warning: false,
            message,
            marks: vec![Mark { file: file.clone(), span, label: String::new() }],
            help,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Nothing is wrong, but the operator should know.
    #[must_use]
    pub fn warning(self) -> Self {
        Self { is_warning: true, ..self }
    }

    /// Points at a second place that has to do with it.
    #[must_use]
    pub fn also(mut self, sources: &Sources, key: &[&str], label: &str) -> Self {
        self.marks.extend(sources.mark(key, label));
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = if self.is_warning { Level::WARNING } else { Level::ERROR };
        let mut group = Group::with_title(level.primary_title(self.message.as_str()));
        for (index, mark) in self.marks.iter().enumerate() {
            let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
            let mut annotation = kind.span(mark.span.clone());
            if !mark.label.is_empty() {
                annotation = annotation.label(mark.label.as_str());
            }
            let path = mark.file.path().display().to_string();
            group = group.element(Snippet::source(mark.file.text()).path(path).annotation(annotation));
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        f.write_str(&Renderer::plain().render(&[group]))
    }
}

/// Everything that is wrong with a configuration.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds one more.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `Ok` when nothing is wrong.
    ///
    /// # Errors
    /// Itself, when something is.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// serde says ``unknown field `prot`, expected one of `port`, `weight` ``: the quoted word most like the first is suggested.
fn suggestion(message: &str) -> Option<String> {
    let rest = message.strip_prefix("unknown ")?;
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let wrong = quoted.next()?;
    let (likeness, word) = quoted
        .map(|word| (strsim::jaro_winkler(wrong, word), word))
        .max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (likeness >= SIMILAR).then(|| format!("did you mean `{word}`?"))
}

/// serde says `invalid type: string "ten", expected u16` (or `invalid value: …`): how the expected kind is written.
fn remedy(message: &str) -> Option<&'static str> {
    let (wrong, expected) = message.split_once(", expected ")?;
    if !wrong.starts_with("invalid type") && !wrong.starts_with("invalid value") {
        return None;
    }
    Some(match expected {
        "i8" | "i16" | "i32" | "i64" | "isize" => "write a whole number without quotes, like 10",
        "u8" => "write a whole number from 0 to 255, without quotes",
        "u16" => "write a whole number from 0 to 65535, without quotes",
        "u32" | "u64" | "usize" => "write a whole number that is not negative, without quotes, like 10",
        "a boolean" => "write true or false, without quotes",
        "a string" => "put the value into quotes, like \"…\"",
        "a sequence" => "write a list, like [\"…\", \"…\"]",
        "a map" => "write a table, like [name] with its keys below",
        table if table.starts_with("struct ") => "write a table, like [name] with its keys below",
        _ => "write what is expected here; the guide shows every key with an example",
    })
}
