//! `docs/protocol.md` and the crates name the same messages and codes.

use std::collections::BTreeSet;
use std::path::Path;

use jbpf_channel::protocol::{CollectorReply, CollectorRequest};
use serde::de::DeserializeOwned;

use super::{ErrorCode, Reply, Request, RequestName};

type Names = BTreeSet<String>;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol.md");
    std::fs::read_to_string(path).unwrap()
}

/// The section of the page below this heading, up to the next of its rank.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let rank = heading.split(' ').next().unwrap();
    let (_, rest) = page.split_once(&format!("\n{heading}\n")).unwrap();
    rest.split(&format!("\n{rank} ")).next().unwrap()
}

/// The rows of the tables of a section, without the headings.
fn rows(section: &str) -> impl Iterator<Item = (&str, &str)> {
    let rows = section.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.filter_map(|row| row.trim_end_matches(" |").split_once(" | "));
    cells.filter(|(first, _)| first.contains('`') || !matches!(*first, "---" | "request" | "about"))
}

/// The code spans of a text.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The name of a field, in a text that begins with it.
fn field(text: &str) -> Option<String> {
    let (name, _) = text.strip_prefix('"')?.split_once("\":")?;
    Some(name.to_owned())
}

/// The names of the variants of a message, as its `Deserialize` lists them.
fn variants<T: DeserializeOwned>() -> Names {
    let unknown = serde_json::from_str::<T>(r#"{"no-variant":{}}"#).err();
    let message = unknown.unwrap().to_string();
    let (_, expected) = message.split_once("expected one of ").unwrap();
    spans(expected).map(str::to_owned).collect()
}

/// The names of the messages in the page's examples that begin with `mark`.
fn examples(page: &str, mark: &str) -> Names {
    let lines = page
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix(mark));
    let bodies =
        lines.filter_map(|line| line.strip_prefix(r#"{"version":1,"id":"#)?.split_once(','));
    bodies.map(|(_, body)| field(body).unwrap()).collect()
}

#[test]
fn the_page_has_every_request_and_no_other() {
    let page = page();
    let table = rows(section(&page, "## Requests"));
    let told: Names = table
        .flat_map(|(asked, _)| spans(asked).filter_map(field))
        .collect();
    let mut requests = variants::<Request>();
    for name in variants::<CollectorRequest>() {
        assert!(
            RequestName::from(name.as_str()).is_of_collectors(),
            "{name}"
        );
        requests.insert(name);
    }
    assert_eq!(told, requests);
    let named = RequestName::ALL.iter().map(RequestName::to_string);
    assert_eq!(told, named.collect());
    let shown = examples(&page, "> ");
    assert!(!shown.is_empty() && shown.is_subset(&told), "{shown:?}");
}

#[test]
fn the_page_has_every_answer_and_no_other() {
    let page = page();
    let section = section(&page, "## Requests");
    let replies = &variants::<Reply>() | &variants::<CollectorReply>();
    let shown = examples(&page, "< ");
    assert!(!shown.is_empty() && shown.is_subset(&replies), "{shown:?}");
    let mut told = shown;
    for (asked, answer) in rows(section) {
        if answer.starts_with('`') {
            let first = spans(answer).next().unwrap();
            assert!(replies.contains(first), "{asked}: {first}");
            told.insert(first.to_owned());
        }
    }
    assert_eq!(told, replies);
}

#[test]
fn the_page_has_every_code_and_no_other() {
    let page = page();
    let table = rows(section(&page, "## Errors"));
    let told: Vec<String> = table
        .flat_map(|(_, codes)| spans(codes))
        .map(str::to_owned)
        .collect();
    let set: Names = told.iter().cloned().collect();
    assert_eq!(set.len(), told.len(), "a code stands twice");
    assert_eq!(
        set,
        ErrorCode::ALL.iter().map(ErrorCode::to_string).collect()
    );
}
