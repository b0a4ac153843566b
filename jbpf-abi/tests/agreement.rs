//! The numbers of the codelet ABI: the crate that holds them, the page that explains them, and the C headers agree.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::collections::BTreeMap;
use std::path::Path;

use jbpf_abi::{context, helper, map, object, request, status};

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Number and name of each row of the page's table below this heading.
fn table(heading: &str) -> BTreeMap<i64, String> {
    let page = text("docs/abi.md");
    let section = page.split("\n## ").find(|part| part.starts_with(heading));
    let rows = section
        .unwrap()
        .lines()
        .filter(|line| line.starts_with("| "));
    rows.filter_map(|row| {
        let mut cells = row.trim_matches('|').split('|').map(str::trim);
        let number = cells.next()?.parse().ok()?;
        Some((number, cells.next()?.to_owned()))
    })
    .collect()
}

/// Name and number of each constant of a C enumeration.
fn enumeration(header: &str, name: &str) -> BTreeMap<String, i64> {
    let header = text(&format!("codelets/include/{header}"));
    let body = header.split(&format!("enum {name} {{")).nth(1).unwrap();
    let body = body.split('}').next().unwrap();
    let mut next = 0;
    let mut constants = BTreeMap::new();
    for line in body.lines() {
        let line = line.split("/*").next().unwrap().trim();
        let Some(constant) = line.strip_suffix(',') else {
            continue;
        };
        let (name, value) = match constant.split_once(" = ") {
            Some((name, value)) => (name, value.parse().unwrap()),
            None => (constant, next),
        };
        constants.insert(name.to_owned(), value);
        next = value + 1;
    }
    constants
}

/// The number of a macro.
fn definition(header: &str, name: &str) -> i64 {
    let header = text(&format!("codelets/include/{header}"));
    let line = header
        .lines()
        .find_map(|line| line.trim().strip_prefix(&format!("#define {name} ")))
        .unwrap_or_else(|| panic!("no {name}"));
    line.trim_end_matches('U').parse().unwrap()
}

#[test]
fn helpers_have_one_number_each() {
    let ours: BTreeMap<i64, String> = helper::NAMES
        .map(|(id, name)| (i64::from(id), name.to_owned()))
        .into();
    assert_eq!(ours, table("Helpers"));
    let declared = enumeration("jbpf_defs.h", "jbpf_helper_type");
    for (id, name) in helper::NAMES {
        let named = name.to_uppercase();
        let short = named.trim_end_matches("_ELEM");
        let found = declared.get(&format!("JBPF_{short}"));
        assert_eq!(found.copied(), Some(i64::from(id)), "{name}");
    }
    let built_in = declared.values().filter(|id| (1..32).contains(*id)).count();
    assert!(built_in >= helper::NAMES.len(), "{declared:?}");
    let ext = "jbpf_helper_api_defs_ext.h";
    let first = definition(ext, "CUSTOM_HELPER_START_ID");
    assert_eq!(first, i64::from(helper::FIRST_OF_APPLICATION));
    assert_eq!(definition(ext, "MAX_HELPER_FUNC"), i64::from(helper::END));
}

#[test]
fn map_kinds_have_one_number_and_one_name_each() {
    let ours: BTreeMap<i64, String> = map::NAMES
        .map(|(number, name)| (i64::from(number), name.to_owned()))
        .into();
    assert_eq!(ours, table("Map kinds"));
    let declared = enumeration("jbpf_defs.h", "ubpf_map_type");
    for (number, name) in map::NAMES {
        let found = declared.get(&format!("JBPF_MAP_TYPE_{name}"));
        assert_eq!(found.copied(), Some(i64::from(number)), "{name}");
    }
    let first = definition("jbpf_helper_api_defs_ext.h", "CUSTOM_MAP_START_ID");
    assert_eq!(first, i64::from(map::FIRST_OF_APPLICATION));
}

#[test]
fn map_operations_return_what_the_page_says() {
    let ours = [
        (status::SUCCESS, "SUCCESS"),
        (status::ERROR, "ERROR"),
        (status::BUSY, "BUSY"),
        (status::FULL, "FULL"),
    ];
    let page = table("Return codes");
    assert_eq!(page.len(), ours.len());
    for (code, name) in ours {
        assert_eq!(page[&i64::from(code)], name);
        let declared = definition("jbpf_helper_api_defs.h", &format!("JBPF_MAP_{name}"));
        assert_eq!(declared, i64::from(code), "{name}");
    }
}

#[test]
fn contexts_lie_where_the_headers_assert_it() {
    let header = text("codelets/include/jbpf_defs.h");
    let page = text("docs/abi.md");
    for (field, offset, bits) in [
        ("data", context::DATA, 64),
        ("data_end", context::DATA_END, 64),
        ("meta_data", context::META_DATA, 64),
    ] {
        for name in ["jbpf_generic_ctx", "jbpf_stats_ctx"] {
            let asserted = format!("offsetof(struct {name}, {field}) == {offset},");
            assert!(header.contains(&asserted), "{asserted}");
        }
        assert!(
            page.contains(&format!("{field} u{bits} ({offset})")),
            "{field}"
        );
    }
    for (name, field) in [
        ("jbpf_generic_ctx", "ctx_id"),
        ("jbpf_stats_ctx", "meas_period"),
    ] {
        let offset = context::FIELDS;
        let asserted = format!("offsetof(struct {name}, {field}) == {offset},");
        assert!(header.contains(&asserted), "{asserted}");
        assert!(page.contains(&format!("{field} u32 ({offset})")), "{field}");
    }
    let readable = context::STANDARD_READABLE;
    assert!(page.contains(&format!("{readable} bytes are readable")));
}

#[test]
fn limits_are_those_of_the_page() {
    let page = text("docs/abi.md");
    let seed = request::STREAM_ID_SEED;
    for sentence in [
        format!("1 to {} bytes", request::MAX_NAME),
        format!("1 to {} codelets", request::MAX_CODELETS),
        format!("at most {} entries of CONTROL_INPUT", request::MAX_CHANNELS),
        format!("at most {} entries: map_name", request::MAX_LINKED_MAPS),
        format!(
            "default {}; the higher runs first",
            request::DEFAULT_PRIORITY
        ),
        format!("{} bytes in hex", request::STREAM_ID_SIZE),
        format!("with seed {seed:#x}"),
        format!("has {} bytes of stack", object::FRAME_SIZE),
        format!("At most {} frames nest", object::MAX_FRAMES),
        format!("`R_BPF_64_64` ({})", object::R_BPF_64_64),
        format!("`R_BPF_64_32` ({})", object::R_BPF_64_32),
        format!("src_reg {}", object::PSEUDO_CALL),
        format!("({} bytes)", object::MAP_DEFINITION_SIZE),
    ] {
        let sentence = sentence.replace('\n', " ");
        assert!(page.replace('\n', " ").contains(&sentence), "{sentence}");
    }
}
