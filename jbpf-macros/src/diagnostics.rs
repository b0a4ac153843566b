//! Errors, gathered so that the user sees all of them at once.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Error;

/// The errors found so far.
#[derive(Default)]
pub struct Diagnostics(Option<Error>);

impl Diagnostics {
    /// Adds an error that points at `tokens`.
    pub fn error(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.add(Error::new_spanned(tokens, message));
    }

    /// Adds an error.
    pub fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    /// The value of a step. If it failed, adds its error and returns `None`.
    pub fn take<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    /// All errors found, if there are any.
    pub fn finish(self) -> syn::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

/// The expansion, or the errors followed by the user's own item, so that the editor and rustc
/// still know the item by its name.
pub fn or_original(
    result: syn::Result<TokenStream>,
    original: impl FnOnce() -> TokenStream,
) -> TokenStream {
    result.unwrap_or_else(|error| {
        let error = error.into_compile_error();
        let original = original();
        // Warnings about unused items, whose expansion is missing, would be noise beside the
        // error.
        let quiet = (!original.is_empty()).then(|| quote!(#[allow(unused)]));
        quote!(#error #quiet #original)
    })
}
