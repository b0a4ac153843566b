//! `#[jbpf_hook]`: functions where codelets run.
//!
//! `parse` makes a [`HookFunction`] of the user's function, or reports all that is wrong with it.
//! `expand` writes the context, the static and the functions.

mod expand;
mod parse;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{FnArg, Ident, ItemFn, LitInt, LitStr, Path, Type};

use crate::diagnostics::or_original;

pub fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let expansion = HookFunction::parse(arguments, item.clone()).map(|hook| hook.expand());
    or_original(expansion, || without_parameter_attributes(item))
}

/// A function that becomes a hook.
struct HookFunction {
    arguments: HookArguments,
    function: ItemFn,
    input: Input,
}

/// The arguments in the attribute's parentheses.
struct HookArguments {
    name: Option<LitStr>,
    control: bool,
    program_type: Option<LitStr>,
    max_instructions: Option<LitInt>,
    krate: Option<Path>,
}

/// The source of the context.
enum Input {
    /// It is generated from the parameters.
    Parameters(Vec<Parameter>),
    /// It is the one parameter.
    Context { ident: Ident, ty: Box<Type> },
}

/// One parameter of a hook with a generated context.
struct Parameter {
    ident: Ident,
    ty: Type,
    role: Role,
}

/// The role of a parameter for codelets.
enum Role {
    /// The data region: `&T` or `&[T]`, with `mut` or without.
    Region { target: Box<Type>, writable: bool },
    /// The first value of the word of scratch.
    MetaData,
    /// A number of the context.
    Number { writable: bool },
    /// None: only the body sees it.
    Skip,
}

/// The function as the user wrote it, without the attributes that only this macro understands.
fn without_parameter_attributes(item: TokenStream) -> TokenStream {
    let Ok(mut function) = syn::parse2::<ItemFn>(item.clone()) else {
        return item;
    };
    for input in &mut function.sig.inputs {
        let attributes = match input {
            FnArg::Receiver(receiver) => &mut receiver.attrs,
            FnArg::Typed(typed) => &mut typed.attrs,
        };
        attributes.retain(|attribute| !parse::is_own(attribute));
    }
    function.into_token_stream()
}
