//! The registry says what the protocol documents say: each rule has its number there, once and under
//! the heading that the registry names; and `docs/conform.md` lists them all.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use acequia_conform::{Level, Side, Tested};

fn path(document: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(document)
}

fn read(document: &str) -> String {
    std::fs::read_to_string(path(document)).unwrap_or_else(|error| panic!("{document}: {error}"))
}

/// Each line that is prose, with the anchor of the heading above it, as GitHub makes them.
fn lines(text: &str) -> Vec<(String, &str)> {
    let (mut seen, mut anchor, mut fenced) =
        (BTreeMap::<String, usize>::new(), String::new(), false);
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        if line.starts_with('#') {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept =
                heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            let plain = kept.collect::<String>().replace(' ', "-");
            let times = seen.entry(plain.clone()).or_default();
            anchor = if *times == 0 { plain } else { format!("{plain}-{times}") };
            *times += 1;
        }
        lines.push((anchor.clone(), line));
    }
    lines
}

/// The numbers in a document, each with the anchor of its heading.
fn numbers(side: Side) -> BTreeMap<String, String> {
    let letter = if side == Side::Worker { 'W' } else { 'C' };
    let text = read(side.document());
    let mut numbers = BTreeMap::new();
    for (anchor, line) in lines(&text) {
        for part in line.split('[').skip(1) {
            let Some((number, _)) = part.split_once(']') else { continue };
            let digits = number.strip_prefix(letter).unwrap_or_default();
            if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
                let before = numbers.insert(number.to_owned(), anchor.clone());
                assert_eq!(before, None, "{number} is twice in {}", side.document());
            }
        }
    }
    numbers
}

#[test]
fn documents_and_registry_have_the_same_rules() {
    for side in [Side::Worker, Side::Client] {
        let documented = numbers(side);
        let registered: BTreeMap<String, String> = side
            .rules()
            .iter()
            .map(|rule| (rule.number.to_owned(), rule.section.to_owned()))
            .collect();
        assert_eq!(registered.len(), side.rules().len(), "a number is there twice");
        assert_eq!(documented, registered, "{}", side.document());
    }
}

#[test]
fn the_sentences_are_sentences() {
    for rule in [Side::Worker, Side::Client].into_iter().flat_map(Side::rules) {
        assert!(
            rule.says.ends_with('.') && !rule.says.contains(". "),
            "{}: one sentence",
            rule.number
        );
        let (Tested::By(how) | Tested::Not(how)) = rule.tested;
        assert!(!how.is_empty() && !how.ends_with('.'), "{}: how it is tested", rule.number);
    }
}

/// The rules of a side, as `docs/conform.md` has them.
fn table(side: Side) -> String {
    let mut table = String::from("| rule | | says | how it is tested |\n|---|---|---|---|\n");
    for rule in side.rules() {
        let level = match rule.level {
            Level::Must => "MUST",
            Level::Should => "SHOULD",
        };
        let how = match rule.tested {
            Tested::By(how) => how.to_owned(),
            Tested::Not(why) => format!("*not:* {why}"),
        };
        let place = rule.place(side);
        let place = place.strip_prefix("docs/").unwrap_or(&place);
        _ = writeln!(table, "| [{}]({place}) | {level} | {} | {how} |", rule.number, rule.says);
    }
    table
}

#[test]
fn the_manual_lists_all_rules() {
    let name = "docs/conform.md";
    let mut manual = read(name);
    for (side, mark) in [(Side::Worker, "worker"), (Side::Client, "client")] {
        let begin = format!("<!-- rules of a {mark}: just documents writes them -->\n\n");
        let (before, rest) =
            manual.split_once(&begin).unwrap_or_else(|| panic!("{name} has no {begin:?}"));
        let (_, after) = rest.split_once("<!-- end of the rules -->").expect("an end of the rules");
        manual = format!("{before}{begin}{}\n<!-- end of the rules -->{after}", table(side));
    }
    if std::env::var_os("ACEQUIA_WRITE_DOCUMENTS").is_some() {
        std::fs::write(path(name), &manual).expect("to write it");
    }
    assert!(
        read(name) == manual,
        "{name} is not what the registry says: `just documents` writes it"
    );
}
