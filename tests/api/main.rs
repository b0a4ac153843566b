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

mod pages;

use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::{Attribute, Expr, Fields, ImplItem, Item, Lit, Meta, TraitItem, UseTree, Visibility};

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

/// The doc tests of the facade run the examples; this test sees that there is one for each name.
#[test]
fn each_name_of_the_facade_has_an_example_that_uses_it() {
    let source = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let mut without = Vec::new();
    let mut names = 0;
    for item in syn::parse_file(&source).unwrap().items {
        let Item::Use(item) = item else { continue };
        let docs = docs(&item.attrs);
        if !is_public(&item.vis) || !hidden(&item.attrs).is_empty() {
            continue;
        }
        let code: String = docs.split("```\n").skip(1).step_by(2).collect();
        let words = |c: char| !c.is_alphanumeric() && c != '_';
        for name in leaves(&item.tree) {
            names += 1;
            if !code.split(words).any(|word| word == name) {
                without.push(name);
            }
        }
    }
    assert!(names > 50, "{names}");
    assert!(without.is_empty(), "no example uses {without:?}");
}

/// Errors may get more reasons, so that no error enum of the library can be matched without a rest.
/// The exception has the return codes of the ABI.
#[test]
fn error_enums_are_open() {
    const CLOSED: [&str; 1] = ["MapError"];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("api");
    for name in CRATES {
        let list = std::fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
        for line in list.lines() {
            let closed = line.split_once(": enum ").map(|(_, name)| name);
            let closed = closed.filter(|name| name.ends_with("Error"));
            let closed = closed.filter(|name| !name.starts_with("non_exhaustive"));
            assert!(
                closed.is_none_or(|name| CLOSED.contains(&name)),
                "{name}: {line}"
            );
        }
    }
}

/// The names that a `use` gives.
fn leaves(tree: &UseTree) -> Vec<String> {
    match tree {
        UseTree::Path(path) => leaves(&path.tree),
        UseTree::Name(name) => vec![name.ident.to_string()],
        UseTree::Rename(name) => vec![name.rename.to_string()],
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
        UseTree::Glob(_) => panic!("the facade names its items"),
    }
}

/// The documentation of an item, a line each.
fn docs(attributes: &[Attribute]) -> String {
    let mut docs = String::new();
    for attribute in attributes {
        if let Meta::NameValue(meta) = &attribute.meta
            && meta.path.is_ident("doc")
            && let Expr::Lit(value) = &meta.value
            && let Lit::Str(line) = &value.lit
        {
            let line = line.value();
            docs += line.strip_prefix(' ').unwrap_or(&line);
            docs.push('\n');
        }
    }
    docs
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
                    self.add(path, &format!("mod {}{name}", hidden(&module.attrs)));
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
                self.add(
                    path,
                    &format!("use {}{}", hidden(&item.attrs), text(&item.tree)),
                );
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

/// Hidden items are no API, and come and go without notice.
fn hidden(attributes: &[Attribute]) -> &'static str {
    let hidden = attributes.iter().any(|a| text(&a.meta) == "doc (hidden)");
    if hidden { "hidden " } else { "" }
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
