//! Attributes: their arguments, doc comments, and which go where.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, Ident, Lit, LitInt, LitStr, Meta, Path, Token};

use crate::diagnostics::Diagnostics;

/// The arguments of one attribute, by name. Repeated and unknown ones are errors.
pub struct Arguments {
    given: Vec<(String, Meta)>,
}

impl Arguments {
    /// Parses `name = value` and `flag` arguments.
    pub fn parse(tokens: TokenStream, known: &[&str], errors: &mut Diagnostics) -> Self {
        let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
        let metas = errors.take(parser.parse2(tokens)).unwrap_or_default();
        Self::of(metas, known, errors)
    }

    /// Gathers the arguments of all `#[jbpf(...)]` among `attributes`.
    pub fn of_field(attributes: &[Attribute], known: &[&str], errors: &mut Diagnostics) -> Self {
        let mut metas = Punctuated::<Meta, Token![,]>::new();
        for attribute in attributes.iter().filter(|a| a.path().is_ident("jbpf")) {
            let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
            metas.extend(
                errors
                    .take(attribute.parse_args_with(parser))
                    .unwrap_or_default(),
            );
        }
        Self::of(metas, known, errors)
    }

    fn of(metas: Punctuated<Meta, Token![,]>, known: &[&str], errors: &mut Diagnostics) -> Self {
        let mut given: Vec<(String, Meta)> = Vec::new();
        for meta in metas {
            let name = meta.path().to_token_stream().to_string().replace(' ', "");
            if !known.contains(&name.as_str()) {
                errors.error(
                    meta.path(),
                    format_args!("unknown argument `{name}`; {}", list(known)),
                );
            } else if given.iter().any(|(earlier, _)| *earlier == name) {
                errors.error(meta.path(), format_args!("`{name}` is given twice"));
            } else {
                given.push((name, meta));
            }
        }
        Self { given }
    }

    fn get(&self, name: &str) -> Option<&Meta> {
        self.given
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, meta)| meta)
    }

    /// A word without a value.
    pub fn flag(&self, name: &str, errors: &mut Diagnostics) -> Option<Path> {
        match self.get(name)? {
            Meta::Path(path) => Some(path.clone()),
            other => {
                errors.error(other, format_args!("`{name}` takes no value"));
                None
            }
        }
    }

    /// `name = "..."`, not empty.
    pub fn text(&self, name: &str, errors: &mut Diagnostics) -> Option<LitStr> {
        match self.literal(name, "text in quotes", errors)? {
            Lit::Str(text) if text.value().is_empty() => {
                errors.error(text, format_args!("`{name}` is empty"));
                None
            }
            Lit::Str(text) => Some(text),
            other => {
                errors.error(other, format_args!("`{name}` takes text in quotes"));
                None
            }
        }
    }

    /// `name = N`.
    pub fn number(&self, name: &str, errors: &mut Diagnostics) -> Option<LitInt> {
        match self.literal(name, "a number", errors)? {
            Lit::Int(number) => Some(number),
            other => {
                errors.error(other, format_args!("`{name}` takes a number"));
                None
            }
        }
    }

    /// `name = path`, a path that means the same wherever an expansion puts it.
    pub fn path(&self, name: &str, errors: &mut Diagnostics) -> Option<Path> {
        let meta = self.get(name)?;
        let path = match meta {
            Meta::NameValue(pair) => match &pair.value {
                Expr::Path(path) => Some(&path.path),
                _ => None,
            },
            _ => None,
        };
        let Some(path) = path else {
            errors.error(
                meta,
                format_args!("`{name}` takes a path: `{name} = ::some::path`"),
            );
            return None;
        };
        let anchored = path.leading_colon.is_some()
            || path.segments.first().is_some_and(|first| {
                ["crate", "self", "super"]
                    .iter()
                    .any(|anchor| first.ident == anchor)
            });
        if !anchored {
            errors.error(
                path,
                "begin the path with `::` for a crate, or with `crate`, `self` or `super` for a module",
            );
            return None;
        }
        Some(path.clone())
    }

    fn literal(&self, name: &str, what: &str, errors: &mut Diagnostics) -> Option<Lit> {
        let meta = self.get(name)?;
        if let Meta::NameValue(pair) = meta
            && let Expr::Lit(ExprLit { lit, .. }) = &pair.value
        {
            return Some(lit.clone());
        }
        errors.error(meta, format_args!("`{name}` takes {what}: `{name} = ...`"));
        None
    }

    /// Whether the argument is given, well-formed or not.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

fn list(known: &[&str]) -> String {
    match known {
        [] => "there are none here".to_owned(),
        [only] => format!("there is only `{only}`"),
        [rest @ .., last] => format!("there are `{}` and `{last}`", rest.join("`, `")),
    }
}

/// A name in a load request or in the C header: printable, and as long as a request may have it.
pub fn check_name(name: &str, span: impl ToTokens, errors: &mut Diagnostics) {
    if name.len() > 255 {
        errors.error(
            &span,
            "a name has at most 255 bytes, so that load requests can give it",
        );
    }
    if name.chars().any(char::is_control) {
        errors.error(&span, "a name has no control characters");
    }
}

/// The doc comment, lines joined by newlines, without the space after the slashes.
pub fn docs(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("doc"))
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) => match &pair.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(text),
                    ..
                }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        })
        .flat_map(|text| {
            text.lines()
                .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned())
                .collect::<Vec<_>>()
        })
        .collect();
    lines.join("\n").trim().to_owned()
}

/// The name without `r#`.
pub fn plain(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map_or(name.clone(), str::to_owned)
}

/// The `#[cfg]`s, which everything made of an item shares.
pub fn cfgs(attributes: &[Attribute]) -> Vec<&Attribute> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .collect()
}

/// `repr(C)` is among the attributes. Other representations that do not go with it are errors.
pub fn is_repr_c(attributes: &[Attribute], errors: &mut Diagnostics) -> bool {
    let mut found = false;
    for attribute in attributes.iter().filter(|a| a.path().is_ident("repr")) {
        let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
        let Some(metas) = errors.take(attribute.parse_args_with(parser)) else {
            continue;
        };
        for meta in metas {
            if meta.path().is_ident("C") {
                found = true;
            } else if !meta.path().is_ident("align") {
                errors.add(Error::new(
                    meta.span(),
                    "codelets are compiled against C's own layout: only `repr(C)` and `repr(C, align(N))` have it",
                ));
            }
        }
    }
    found
}
