//! From the user's function to a [`HookFunction`], or to all errors in it.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Attribute, FnArg, Ident, ItemFn, Pat, PatType, PathArguments, ReturnType, Safety, Signature,
    Type, TypeImplTrait, TypePath, TypeReference,
};

use super::{HookArguments, HookFunction, Input, Parameter, Role};
use crate::arguments::{Arguments, check_name, plain};
use crate::context::RESERVED;
use crate::diagnostics::Diagnostics;

/// The types of a context's numbers, by their names.
const NUMBERS: [&str; 9] = ["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "bool"];

impl HookFunction {
    pub fn parse(arguments: TokenStream, item: TokenStream) -> syn::Result<Self> {
        let mut errors = Diagnostics::default();
        let arguments = HookArguments::parse(arguments, &mut errors);
        let mut function = match syn::parse2::<ItemFn>(item) {
            Ok(function) => function,
            Err(error) => {
                errors.add(syn::Error::new(
                    error.span(),
                    format_args!("`#[jbpf_hook]` makes a function with a body a hook: {error}"),
                ));
                errors.finish()?;
                return Err(error);
            }
        };
        check_signature(&function.sig, &mut errors);
        if arguments.control {
            check_control(&function.sig, &mut errors);
        }
        check_attributes(&function.attrs, &mut errors);
        check_name(
            &plain(&function.sig.ident),
            &function.sig.ident,
            &mut errors,
        );
        let parameters: Vec<Parameter> = function
            .sig
            .inputs
            .iter_mut()
            .filter_map(|input| match input {
                FnArg::Typed(typed) => parameter(typed, &mut errors),
                FnArg::Receiver(_) => None,
            })
            .collect();
        let input = Input::of(parameters, &mut errors);
        errors.finish()?;
        Ok(Self {
            arguments,
            function,
            input,
        })
    }
}

impl HookArguments {
    fn parse(tokens: TokenStream, errors: &mut Diagnostics) -> Self {
        let known = [
            "name",
            "control",
            "program_type",
            "max_instructions",
            "crate",
        ];
        let arguments = Arguments::parse(tokens, &known, errors);
        let name = arguments.text("name", errors);
        if let Some(name) = &name {
            check_name(&name.value(), name, errors);
        }
        let max_instructions = arguments.number("max_instructions", errors);
        if let Some(number) = &max_instructions {
            match number.base10_parse::<u64>() {
                Ok(0) => errors.error(number, "no codelet runs without an instruction"),
                Ok(_) => {}
                Err(error) => errors.add(error),
            }
        }
        Self {
            name,
            control: arguments.flag("control", errors).is_some(),
            program_type: arguments.text("program_type", errors),
            max_instructions,
            krate: arguments.path("crate", errors),
        }
    }
}

impl Input {
    /// A single parameter by value is a context, unless its type is a number by its name.
    fn of(mut parameters: Vec<Parameter>, errors: &mut Diagnostics) -> Self {
        let mut regions = parameters
            .iter()
            .filter(|parameter| matches!(parameter.role, Role::Region { .. }));
        if let (Some(first), Some(second)) = (regions.next(), regions.next()) {
            errors.error(
                &second.ty,
                format_args!(
                    "a hook has one data region, and `{}` is it; put both into one struct, or mark this \
                     parameter `#[jbpf(skip)]` to keep it from codelets",
                    first.ident
                ),
            );
        }
        let mut scratch = parameters
            .iter()
            .filter(|parameter| matches!(parameter.role, Role::MetaData));
        if let (Some(_), Some(second)) = (scratch.next(), scratch.next()) {
            errors.error(
                &second.ident,
                "the context has one word of meta data; `#[meta_data]` is given twice",
            );
        }
        if parameters.len() == 1
            && let Some(Parameter {
                role: Role::Number { writable: false },
                ty: Type::Path(path),
                ..
            }) = parameters.first()
            && !NUMBERS.iter().any(|number| is_named(path, number))
            && let Some(Parameter { ident, ty, .. }) = parameters.pop()
        {
            return Self::Context {
                ident,
                ty: Box::new(ty),
            };
        }
        Self::Parameters(parameters)
    }
}

/// Attributes of parameters that only this macro understands.
pub fn is_own(attribute: &Attribute) -> bool {
    attribute.path().is_ident("jbpf") || attribute.path().is_ident("meta_data")
}

fn check_signature(signature: &Signature, errors: &mut Diagnostics) {
    let Signature {
        constness,
        asyncness,
        safety,
        abi,
        generics,
        variadic,
        ..
    } = signature;
    if let Some(token) = constness {
        errors.error(
            token,
            "a hook cannot be `const`: codelets run when the program does",
        );
    }
    if let Some(token) = asyncness {
        errors.error(
            token,
            "a hook cannot be `async`: codelets run to their end in one call. Call the hook from the async function",
        );
    }
    if let Safety::Unsafe(token) = safety {
        errors.error(
            token,
            "a hook cannot be `unsafe`. Call the hook from the unsafe function",
        );
    }
    if let Some(abi) = abi {
        errors.error(
            abi,
            "a hook cannot be `extern`: it is expanded at its callers. Call the hook from the extern function",
        );
    }
    if let Some(variadic) = variadic {
        errors.error(
            variadic,
            "a hook's parameters are the fields of its context, known when it is compiled",
        );
    }
    if !generics.params.is_empty() {
        errors.error(
            generics,
            "a hook cannot be generic: its codelets are verified against one context. Call the hook from the \
             generic function, and leave lifetimes out",
        );
    } else if let Some(clause) = &generics.where_clause {
        errors.error(
            clause,
            "a hook cannot be generic: its codelets are verified against one context",
        );
    }
    if let Some(receiver) = signature.receiver() {
        errors.error(
            receiver,
            "a hook is a free function: move it out of the `impl`, and pass what codelets shall see by reference",
        );
    }
    if signature.receiver().is_none()
        && let Some(name) = self_type(signature.to_token_stream())
    {
        errors.error(
            name,
            "a hook is a free function, where `Self` means nothing: move it out of the `impl`",
        );
    }
}

/// The first `Self` among the tokens.
fn self_type(tokens: TokenStream) -> Option<Ident> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) if ident == "Self" => Some(ident),
        TokenTree::Group(group) => self_type(group.stream()),
        _ => None,
    })
}

fn check_control(signature: &Signature, errors: &mut Diagnostics) {
    let answers = match &signature.output {
        ReturnType::Default => false,
        ReturnType::Type(_, ty) => matches!(
            &**ty,
            Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "u64")
        ),
    };
    if answers {
        return;
    }
    let message =
        "a control hook returns `u64`: the codelet's answer, or the body's while none is attached";
    match &signature.output {
        ReturnType::Default => errors.error(&signature.ident, message),
        ReturnType::Type(_, ty) => errors.error(ty, message),
    }
}

fn check_attributes(attributes: &[Attribute], errors: &mut Diagnostics) {
    for attribute in attributes {
        if attribute.path().is_ident("target_feature") {
            errors.error(
                attribute,
                "a hook is expanded at its callers, which may lack this feature. Put it on a function that the body calls",
            );
        }
    }
}

/// The parameter with its role for codelets. Its own attributes are taken off.
fn parameter(typed: &mut PatType, errors: &mut Diagnostics) -> Option<Parameter> {
    let own: Vec<Attribute> = typed.attrs.iter().filter(|a| is_own(a)).cloned().collect();
    typed.attrs.retain(|attribute| !is_own(attribute));
    if let Some(attribute) = typed
        .attrs
        .iter()
        .find(|a| a.path().is_ident("cfg") || a.path().is_ident("cfg_attr"))
    {
        errors.error(
            attribute,
            "a hook's context is the same in every build: put `#[cfg]` on the function",
        );
    }
    let ident = identifier(&typed.pat, errors);
    let roles = Arguments::of_field(&own, &["writable", "skip"], errors);
    let skip = roles.flag("skip", errors);
    let writable = roles.flag("writable", errors);
    let scratch: Vec<_> = own
        .iter()
        .filter(|a| a.path().is_ident("meta_data"))
        .collect();
    if let Some(attribute) = scratch.first()
        && attribute.meta.require_path_only().is_err()
    {
        errors.error(
            attribute,
            "the parameter is the value: write `#[meta_data]`",
        );
    }
    let given = [skip.is_some(), writable.is_some(), !scratch.is_empty()];
    if given.iter().filter(|given| **given).count() > 1 || scratch.len() > 1 {
        errors.error(
            &typed.pat,
            "`#[meta_data]`, `#[jbpf(writable)]` and `#[jbpf(skip)]` exclude each other",
        );
        return None;
    }
    let ident = ident?;
    if skip.is_none() && RESERVED.iter().any(|reserved| ident == reserved) {
        errors.error(
            &ident,
            format_args!(
                "`{ident}` is a word of the region, at the start of every context; name this parameter differently"
            ),
        );
        return None;
    }
    let ty = (*typed.ty).clone();
    let role = if skip.is_some() {
        Role::Skip
    } else if !scratch.is_empty() {
        check_meta_data(&ty, errors);
        Role::MetaData
    } else if let Type::Reference(reference) = &ty {
        if let Some(writable) = writable {
            errors.error(
                writable,
                "codelets may write to a region behind `&mut`; `writable` is for numbers",
            );
        }
        region(reference, errors)?
    } else {
        check_number(&ty, errors)?;
        Role::Number {
            writable: writable.is_some(),
        }
    };
    Some(Parameter { ident, ty, role })
}

fn identifier(pattern: &Pat, errors: &mut Diagnostics) -> Option<Ident> {
    match pattern {
        Pat::Ident(ident) if ident.by_ref.is_none() && ident.subpat.is_none() => {
            Some(ident.ident.clone())
        }
        Pat::Wild(_) => {
            errors.error(
                pattern,
                "name this parameter: codelets find it in the context by its name",
            );
            None
        }
        _ => {
            errors.error(
                pattern,
                "a hook's parameter is one name, not a pattern: codelets find it in the context by that name. \
                 Take it apart in the body",
            );
            None
        }
    }
}

fn check_meta_data(ty: &Type, errors: &mut Diagnostics) {
    let is_u64 = matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "u64"));
    if !is_u64 {
        errors.error(ty, "the context's word of meta data is a `u64`");
    }
}

fn region(reference: &TypeReference, errors: &mut Diagnostics) -> Option<Role> {
    let mut target = (*reference.elem).clone();
    while let Type::Paren(inner) = target {
        target = *inner.elem;
    }
    let message = match &target {
        Type::Path(path) if is_named(path, "str") => {
            Some("codelets see bytes, not `str`: pass `text.as_bytes()` as `&[u8]`")
        }
        Type::Path(path) if is_named(path, "String") || is_named(path, "Vec") => Some(
            "codelets see the data itself, not where it is kept: pass a slice, such as `&[u8]`",
        ),
        Type::TraitObject(_) | Type::ImplTrait(_) => {
            Some("codelets see data of one known layout, and this may be of any type")
        }
        Type::Reference(_) | Type::Ptr(_) => {
            Some("codelets see data, not pointers to it: pass one reference")
        }
        _ => None,
    };
    if let Some(message) = message {
        errors.error(&reference.elem, message);
        return None;
    }
    Some(Role::Region {
        target: Box::new(target),
        writable: reference.mutability.is_some(),
    })
}

/// Reports types that no context holds, by their names. The traits decide about other names.
fn check_number(ty: &Type, errors: &mut Diagnostics) -> Option<()> {
    let hint = "; mark the parameter `#[jbpf(skip)]` to pass it to the body alone";
    let message = match ty {
        Type::Path(path) => {
            let name = path.path.segments.last()?.ident.to_string();
            match name.as_str() {
                "usize" => "`usize` is not the same on every machine: take `u64`".to_owned(),
                "isize" => "`isize` is not the same on every machine: take `i64`".to_owned(),
                "u128" | "i128" => {
                    format!("codelets have 64-bit registers: pass `{name}` in the data region")
                }
                "f32" | "f64" => {
                    format!(
                        "codelets compute with integers: pass the bits of the `{name}`, `to_bits()`, as an integer"
                    )
                }
                "char" => "pass a `char` as `u32`".to_owned(),
                "String" | "Vec" | "Box" | "Rc" | "Arc" | "Option" | "Result" | "HashMap"
                | "BTreeMap" => {
                    format!(
                        "codelets cannot be given a `{name}`: pass a number, or data by reference{hint}"
                    )
                }
                _ => return Some(()),
            }
        }
        Type::Macro(_) | Type::Paren(_) | Type::Group(_) => return Some(()),
        Type::ImplTrait(TypeImplTrait { .. }) => {
            "a hook cannot be generic: its codelets are verified against one context".to_owned()
        }
        Type::Array(_) | Type::Slice(_) | Type::Tuple(_) => format!(
            "a context's fields are numbers: pass `&{}` as the data region{hint}",
            ty.to_token_stream()
        ),
        _ => format!("a context's fields are numbers: u8 to u64, i8 to i64, bool{hint}"),
    };
    errors.error(ty, message);
    None
}

fn is_named(path: &TypePath, name: &str) -> bool {
    path.path.segments.last().is_some_and(|last| {
        last.ident == name && !matches!(last.arguments, PathArguments::Parenthesized(_))
    })
}
