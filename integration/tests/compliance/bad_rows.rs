//! The checker itself can fail: each kind of untrue row is found.

use crate::check::{problems, unlisted};
use crate::section::{Section, references};
use crate::table::{Row, rows};

const HEAD: &str = "# 10\n\n| Section | Clause | Code | Test |\n|---|---|---|---|\n";
const PAGE: &str = "rfc2328/section-10.md";

/// A small repository.
fn read(path: &str) -> Option<String> {
    let text = match path {
        "a.rs" => {
            "//! Hellos (RFC 2328 §9.5).\n// RFC 2328 §10.5.1\npub(super) const fn obey(x: u8) {}\n// fn commented(\n"
        }
        "t.rs" => {
            "#[test]\n#[ignore = \"slow\"]\nfn holds() {}\n\nfn arrange() {}\n#[tokio::test]\nasync fn waits() {}\n"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

fn parsed(row: &str) -> (Vec<Row>, Vec<String>) {
    rows(PAGE, &format!("{HEAD}{row}\n"))
}

#[track_caller]
fn problem(row: &str) -> String {
    let (rows, wrong) = parsed(row);
    assert_eq!((rows.len(), wrong.len()), (1, 0), "{wrong:?}");
    problems(&rows[0], &read).join("; ")
}

#[track_caller]
fn malformed(row: &str) -> String {
    let (rows, mut wrong) = parsed(row);
    assert_eq!(rows.len(), 0, "taken: {rows:?}");
    assert_eq!(wrong.pop().as_deref(), Some("rfc2328/section-10.md: no rows"));
    wrong.join("; ")
}

#[test]
fn a_true_row_passes() {
    assert_eq!(problem("| 10.5 | Clause | `a.rs::obey` | `t.rs::holds`<br>`t.rs::waits` |"), "");
    assert_eq!(problem("| 10.5.1 | Clause | a.rs | t.rs::holds |"), "");
    assert_eq!(problem("| 10.9 | Clause | — | There is no such interface. |"), "");
}

#[test]
fn code_that_is_not_there_is_found() {
    assert_eq!(
        problem("| 10.5 | Clause | `gone.rs` | `t.rs::holds` |"),
        "rfc2328/section-10.md:5: gone.rs is not there"
    );
    assert!(
        problem("| 10.5 | Clause | `a.rs::other` | `t.rs::holds` |").ends_with("a.rs does not define other")
    );
    assert!(problem("| 10.5 | Clause | `a.rs::obe` | `t.rs::holds` |").ends_with("a.rs does not define obe"));
    assert!(problem("| 10.5 | Clause | `a.rs::commented` | `t.rs::holds` |").ends_with("define commented"));
}

#[test]
fn code_that_cites_another_clause_is_found() {
    assert!(problem("| 10.6 | Clause | `a.rs` | `t.rs::holds` |").ends_with("cites RFC 2328 §10.6"));
    // A chapter's or a parent's number in a comment is no citation of each of its sections.
    assert!(problem("| 10.5.1.1 | Clause | `a.rs` | `t.rs::holds` |").ends_with("cites RFC 2328 §10.5.1.1"));
}

#[test]
fn a_test_that_does_not_run_is_found() {
    assert!(problem("| 10.5 | Clause | `a.rs` | `gone.rs::holds` |").ends_with("gone.rs is not there"));
    assert!(problem("| 10.5 | Clause | `a.rs` | `t.rs::absent` |").ends_with("t.rs has no test absent"));
    assert!(problem("| 10.5 | Clause | `a.rs` | `t.rs::arrange` |").ends_with("t.rs has no test arrange"));
    assert!(problem("| 10.5 | Clause | `a.rs` | `t.rs::hold` |").ends_with("t.rs has no test hold"));
}

#[test]
fn a_row_that_is_not_whole_is_found() {
    assert!(malformed("| 10.5 | Clause | `a.rs` |").ends_with("3 columns in place of 4"));
    assert!(malformed("| ten | Clause | `a.rs` | `t.rs::holds` |").ends_with("\"ten\" is no section"));
    assert!(malformed("| 10.5 | | `a.rs` | `t.rs::holds` |").ends_with("no clause"));
    assert!(malformed("| 10.5 | Clause | — | |").ends_with("no reason why the clause is not kept"));
    assert!(malformed("| 10.5 | Clause | `a.rs` | |").ends_with("has code and a test"));
    assert!(malformed("| 10.5 | Clause | | `t.rs::holds` |").ends_with("has code and a test"));
    assert!(malformed("| 10.5 | Clause | `a.rs` | `t.rs` |").ends_with("t.rs names no test"));
}

#[test]
fn a_page_that_is_no_table_is_found() {
    assert_eq!(rows("rfc2328/section-10.md", "# 10\n").1, ["rfc2328/section-10.md: no rows"]);
    assert!(rows("notes.md", HEAD).1[0].ends_with("neither RFC nor chapter"));
    assert!(rows(PAGE, "| Section | Code |\n|---|---|\n").1[0].contains("a table starts with"));
    let (rows, wrong) = parsed("| 9.5 | Clause | — | Because. |");
    assert_eq!((rows.len(), wrong.len()), (1, 1));
    assert!(wrong[0].ends_with("section 9.5 is of another page"));
}

#[test]
fn a_clause_that_is_cited_and_in_no_table_is_found() {
    let (rows, _) = parsed("| 10.5 | Clause | — | Because. |");
    let found = |source: &str| unlisted("x.rs", source, &rows);
    assert_eq!(found("// RFC 2328 §10.6 (1)\n"), ["x.rs:1: no row for RFC 2328 §10.6"]);
    assert!(found("// RFC 2328 §10.5\n// §10.5.2, §10\n").is_empty());
    // A chapter or an RFC without a page has no rows at all; some RFCs need none.
    assert_eq!(found("// RFC 2328 §11.1, RFC 5709 §10.6\n").len(), 2);
    assert!(found("// RFC 1071 §3\n").is_empty());
    let whole = crate::table::rows("rfc5709.md", &format!("{HEAD}| 3.1 | Clause | — | Because. |\n")).0;
    assert_eq!(unlisted("x.rs", "// RFC 5709 §3.2\n", &whole), ["x.rs:1: no row for RFC 5709 §3.2"]);
}

#[test]
fn citations_are_read_as_they_are_meant() {
    let cited = |source: &str| {
        references(source).iter().map(|found| format!("{} {}", found.rfc, found.section)).collect::<Vec<_>>()
    };
    assert_eq!(cited("//! RFC 8405 §5.1\nlet x; // §6\n"), ["8405 5.1", "8405 6"]);
    assert_eq!(
        cited("// RFC 6987 §2, §3.\n/// §12.4.1.\n\n// §13 (5)(a)\n"),
        ["6987 2", "6987 3", "6987 12.4.1", "2328 13"]
    );
    assert_eq!(
        cited("// RFC 2328 appendix D, D.4.3 (1), appendix C.2\n"),
        ["2328 D", "2328 D.4.3", "2328 C.2"]
    );
    assert!(cited("let text = \"RFC 2328 §13\";\n// RFC1583Compatibility, 10.5, AreaId\n").is_empty());
}

#[test]
fn sections_are_compared_by_their_parts() {
    let section = |text| Section::parse(text).unwrap();
    assert!(section("10.5 (2)").is_in(&section("10")) && !section("10.5").is_in(&section("1")));
    assert!(
        section("16.1.1").accounts_for(&section("16.1")) && section("16.1").accounts_for(&section("16.1.1"))
    );
    assert!(!section("16").accounts_for(&section("16.1")) && !section("16.2").accounts_for(&section("16.1")));
    assert!(Section::parse("Area").is_none() && Section::parse("").is_none());
}
