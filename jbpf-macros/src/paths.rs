//! The paths that expansions name.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Ident, LitStr, Path};

/// The crate that the user depends on: `::jbpf_hooks`, `::jbpf`, or the path of `crate = path`.
///
/// Both crates declare `extern crate self as ...`, so that the names hold inside them, too.
pub struct Crate(TokenStream);

impl Crate {
    /// The crate that the user's `Cargo.toml` names, unless `given` overrides it.
    pub fn resolve(given: Option<&Path>) -> Self {
        if let Some(path) = given {
            return Self(path.to_token_stream());
        }
        // jbpf-hooks comes first, because a library that declares hooks may depend on jbpf only
        // for its tests.
        let name = dependency("jbpf-hooks", "jbpf_hooks")
            .or_else(|| dependency("jbpf", "jbpf"))
            .unwrap_or_else(|| "jbpf".to_owned());
        let name = Ident::new(&name, Span::call_site());
        Self(quote!(::#name))
    }

    /// The module of all items that expansions use.
    pub fn private(&self) -> TokenStream {
        let krate = &self.0;
        quote!(#krate::__private)
    }

    /// The derive macros of jbpf itself.
    pub fn root(&self) -> &TokenStream {
        &self.0
    }

    /// The path of the re-exported zerocopy, as its derives want it.
    pub fn zerocopy(&self) -> LitStr {
        let path: String = self
            .private()
            .into_iter()
            .map(|token| token.to_string())
            .collect();
        LitStr::new(&format!("{path}::zerocopy"), Span::call_site())
    }
}

/// The name by which the package being compiled knows `package`, if it depends on it or is it.
fn dependency(package: &str, own_name: &str) -> Option<String> {
    match crate_name(package).ok()? {
        FoundCrate::Itself => Some(own_name.to_owned()),
        FoundCrate::Name(name) => Some(name),
    }
}
