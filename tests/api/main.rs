//! The public items of each crate, as a list beside this test: a change of the API shows in
//! review.
//!
//! The lists come from the sources. They hold every item that is `pub`, also those of private
//! modules, which `pub use` makes public elsewhere. `BLESS=1 cargo test -p jbpf-tests --test api`
//! writes them anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::{Attribute, Fields, ImplItem, Item, TraitItem, Visibility};

const CRATES: [&str; 8] = [
    "jbpf-abi",
    "jbpf-channel",
    "jbpf-core",
    "jbpf-hooks",
    "jbpf-macros",
    "jbpf-object",
    "jbpf-operator",
    "jbpf-verifier",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn the_public_items_are_those_of_the_lists() {
    let mut changed = Vec::new();
    let facade = ("jbpf", root().join("src/lib.rs"));
    let crates = CRATES.map(|name| (name, root().join(name).join("src/lib.rs")));
    for (name, library) in crates.into_iter().chain([facade]) {
        let mut list = List::default();
        list.read(&library, &library.with_file_name(""), "");
        list.lines.sort();
        list.lines.dedup();
        let items = list.lines.join("\n") + "\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("api/{name}.txt"));
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &items).unwrap();
        }
        let held = std::fs::read_to_string(&path).unwrap_or_default();
        let gone = held
            .lines()
            .filter(|line| !items.lines().any(|l| l == *line));
        changed.extend(gone.map(|line| format!("{name} - {line}")));
        let new = items
            .lines()
            .filter(|line| !held.lines().any(|l| l == *line));
        changed.extend(new.map(|line| format!("{name} + {line}")));
    }
    assert!(
        changed.is_empty(),
        "BLESS=1 writes the lists anew:\n{}",
        changed.join("\n")
    );
}

#[derive(Default)]
struct List {
    lines: Vec<String>,
}

impl List {
    /// Lists the module in `file`, whose own modules are files in `folder`.
    fn read(&mut self, file: &Path, folder: &Path, path: &str) {
        let text = std::fs::read_to_string(file).unwrap();
        let source = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        self.items(source.items, folder, path);
    }

    fn items(&mut self, items: Vec<Item>, folder: &Path, path: &str) {
        for item in items {
            self.item(item, folder, path);
        }
    }

    fn add(&mut self, path: &str, item: &str) {
        self.lines.push(format!("{path}: {}", tidy(item)));
    }

    fn item(&mut self, item: Item, folder: &Path, path: &str) {
        match item {
            Item::Mod(module) => {
                if is_for_tests(&module.attrs) {
                    return;
                }
                let name = module.ident.to_string();
                let inner = format!("{path}::{name}");
                if is_public(&module.vis) {
                    self.add(path, &format!("mod {name}"));
                }
                match module.content {
                    Some((_, items)) => self.items(items, &folder.join(&name), &inner),
                    None => {
                        let beside = folder.join(format!("{name}.rs"));
                        let inside = folder.join(&name).join("mod.rs");
                        let file = if beside.exists() { beside } else { inside };
                        self.read(&file, &folder.join(&name), &inner);
                    }
                }
            }
            Item::Use(item) if is_public(&item.vis) => {
                self.add(path, &format!("use {}", text(&item.tree)));
            }
            Item::Fn(item) if is_public(&item.vis) => self.add(path, &text(&item.sig)),
            Item::Const(item) if is_public(&item.vis) => {
                self.add(path, &format!("const {}: {}", item.ident, text(&item.ty)));
            }
            Item::Static(item) if is_public(&item.vis) => {
                self.add(path, &format!("static {}: {}", item.ident, text(&item.ty)));
            }
            Item::Type(item) if is_public(&item.vis) => {
                let name = format!("{}{}", item.ident, text(&item.generics));
                self.add(path, &format!("type {name} = {}", text(&item.ty)));
            }
            Item::Struct(item) if is_public(&item.vis) => {
                let name = format!("{}{}", item.ident, text(&item.generics));
                self.add(path, &format!("struct {}{name}", open(&item.attrs)));
                self.fields(&item.fields, &format!("{path}::{}", item.ident), false);
            }
            Item::Enum(item) if is_public(&item.vis) => {
                let name = format!("{}{}", item.ident, text(&item.generics));
                self.add(path, &format!("enum {}{name}", open(&item.attrs)));
                let inner = format!("{path}::{}", item.ident);
                for variant in item.variants {
                    self.add(&inner, &format!("variant {}", variant.ident));
                    let path = format!("{inner}::{}", variant.ident);
                    self.fields(&variant.fields, &path, true);
                }
            }
            Item::Trait(item) if is_public(&item.vis) => {
                let safety = item.unsafety.map_or("", |_| "unsafe ");
                let name = format!("{}{}", item.ident, text(&item.generics));
                let bounds = text(&item.supertraits);
                self.add(path, &format!("trait {safety}{name}: {bounds}"));
                for inner in item.items {
                    if let TraitItem::Fn(function) = inner {
                        self.add(&format!("{path}::{}", item.ident), &text(&function.sig));
                    }
                }
            }
            Item::Impl(item) if item.trait_.is_none() => {
                let inner = format!("{path}::{}", tidy(&text(&item.self_ty)));
                for item in item.items {
                    match item {
                        ImplItem::Fn(function) if is_public(&function.vis) => {
                            self.add(&inner, &text(&function.sig));
                        }
                        ImplItem::Const(constant) if is_public(&constant.vis) => {
                            let line = format!("{}: {}", constant.ident, text(&constant.ty));
                            self.add(&inner, &format!("const {line}"));
                        }
                        _ => {}
                    }
                }
            }
            Item::Macro(item) if item.attrs.iter().any(|a| a.path().is_ident("macro_export")) => {
                let name = item.ident.map(|name| name.to_string());
                self.add(path, &format!("macro {}", name.unwrap_or_default()));
            }
            _ => {}
        }
    }

    fn fields(&mut self, fields: &Fields, path: &str, all: bool) {
        for (index, field) in fields.iter().enumerate() {
            if all || is_public(&field.vis) {
                let name = field.ident.as_ref();
                let name = name.map_or(index.to_string(), ToString::to_string);
                self.add(path, &format!("field {name}: {}", text(&field.ty)));
            }
        }
    }
}

fn text(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string()
}

/// `#[non_exhaustive]` is a part of the promise.
fn open(attributes: &[Attribute]) -> &'static str {
    let open = attributes
        .iter()
        .any(|a| a.path().is_ident("non_exhaustive"));
    if open { "non_exhaustive " } else { "" }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    let conditions = attributes.iter().filter(|a| a.path().is_ident("cfg"));
    let mut conditions = conditions.map(|a| text(&a.meta));
    conditions.any(|condition| {
        !condition.contains("not") && (condition.contains("test") || condition.contains("loom"))
    })
}

/// Tokens are printed with a space between each two.
fn tidy(tokens: &str) -> String {
    let mut text = tokens.split_whitespace().collect::<Vec<_>>().join(" ");
    for (spaced, plain) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" ,", ","),
        (" ;", ";"),
        (" :", ":"),
        ("& ", "&"),
        ("< ", "<"),
        (" <", "<"),
        (" >", ">"),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        ("[ ", "["),
        (" ]", "]"),
        ("' ", "'"),
        ("{ ", "{"),
        (" }", "}"),
        (" ?", "?"),
        ("! ", "!"),
        ("->", " ->"),
        ("  ->", " ->"),
        ("- >", "->"),
        (" ->", "->"),
        ("->", " ->"),
    ] {
        text = text.replace(spaced, plain);
    }
    text
}
