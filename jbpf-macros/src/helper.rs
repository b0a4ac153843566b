//! `#[jbpf_helper]`: functions of the application that codelets call.

use jbpf_abi::helper as ids;
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    FnArg, Ident, ItemFn, LitInt, LitStr, Pat, Path, ReturnType, Safety, Signature, Type,
    TypeReference,
};

use crate::arguments::{Arguments, cfgs, check_name, docs, plain};
use crate::diagnostics::{Diagnostics, or_original};
use crate::layout::respanned;
use crate::paths::Crate;

pub fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let expansion = Helper::parse(arguments, item.clone()).map(|helper| helper.expand());
    or_original(expansion, || item)
}

/// A function that codelets call.
struct Helper {
    id: LitInt,
    name: Option<LitStr>,
    krate: Option<Path>,
    function: ItemFn,
    parameters: Vec<Parameter>,
}

struct Parameter {
    ident: Ident,
    kind: Kind,
}

/// The way in which a parameter is taken from the registers.
enum Kind {
    /// A number, a map or bytes in place: the type says which.
    Value(Type),
    /// `&T`.
    Readable(Type),
    /// `&mut T`.
    Writable(Type),
    /// `&[u8]`.
    Bytes,
}

impl Helper {
    fn parse(arguments: TokenStream, item: TokenStream) -> syn::Result<Self> {
        let mut errors = Diagnostics::default();
        let given = Arguments::parse(arguments, &["id", "name", "crate"], &mut errors);
        let id = given.number("id", &mut errors);
        let name = given.text("name", &mut errors);
        if let Some(name) = &name {
            check_c_name(name, &mut errors);
        }
        let krate = given.path("crate", &mut errors);
        let function = match syn::parse2::<ItemFn>(item) {
            Ok(function) => function,
            Err(error) => {
                errors.add(syn::Error::new(
                    error.span(),
                    format_args!("`#[jbpf_helper]` makes a function with a body a helper: {error}"),
                ));
                errors.finish()?;
                return Err(error);
            }
        };
        let signature = &function.sig;
        if !given.contains("id") {
            errors.error(
                &signature.ident,
                "say by which number codelets call the helper: `#[jbpf_helper(id = N)]`, 32 to 63",
            );
        }
        check_signature(signature, &mut errors);
        let parameters: Vec<Parameter> = signature
            .inputs
            .iter()
            .filter_map(|input| Parameter::parse(input, &mut errors))
            .collect();
        if let Some(id) = &id {
            check_id(id, signature, &parameters, &mut errors);
        }
        errors.finish()?;
        let Some(id) = id else {
            return Err(syn::Error::new_spanned(
                &function.sig.ident,
                "the helper has no id",
            ));
        };
        Ok(Self {
            id,
            name,
            krate,
            function,
            parameters,
        })
    }

    fn expand(&self) -> TokenStream {
        let private = Crate::resolve(self.krate.as_ref()).private();
        let function = &self.function;
        let ident = &function.sig.ident;
        let cfgs = cfgs(&function.attrs);
        let name = self
            .name
            .as_ref()
            .map_or_else(|| plain(ident), LitStr::value);
        let id = &self.id;
        let docs = docs(&function.attrs);
        let line = quote_spanned!(ident.span()=> #private::core::line!());
        let argument_names = self
            .parameters
            .iter()
            .map(|parameter| plain(&parameter.ident));
        let arguments = self
            .parameters
            .iter()
            .map(|parameter| parameter.argument(&private));
        let returned = match &function.sig.output {
            ReturnType::Default => syn::parse_quote!(()),
            ReturnType::Type(_, ty) => (**ty).clone(),
        };
        let returns =
            quote_spanned!(returned.span()=> <#returned as #private::HelperResult>::RETURNS);
        let check = quote!(#private::rules::fits_registers(__JBPF_ARGUMENTS););
        let check = respanned(check, ident.span());
        let body = self.call(&private);
        let (call, registers) = (local("call"), local("registers"));
        quote! {
            #function

            #(#cfgs)*
            const _: () = {
                const __JBPF_DECLARATION: #private::HelperDeclaration = #private::HelperDeclaration {
                    id: #id,
                    name: #name,
                    argument_names: &[#(#argument_names),*],
                    arguments: __JBPF_ARGUMENTS,
                    returns: #returns,
                    file: #private::core::file!(),
                    line: #line,
                    docs: #docs,
                };
                // SAFETY: the shim takes its registers by the kinds that `__JBPF_ARGUMENTS` was
                // made of, writes to no other memory, contains panics, and returns the register of
                // the type that gave `returns`. The expansion of the macro checked the id.
                static __JBPF_INFO: #private::HelperInfo =
                    unsafe { #private::HelperInfo::new(__JBPF_DECLARATION, __jbpf_shim) };
                const __JBPF_ARGUMENTS: &[#private::HelperArgument] = &[#(#arguments),*];
                const _: () = { #check };

                // SAFETY (of callers): the registers hold the arguments of
                // `__JBPF_INFO.arguments`.
                unsafe extern "C" fn __jbpf_shim(r1: u64, r2: u64, r3: u64, r4: u64, r5: u64) -> u64 {
                    let #call = |#registers: &mut #private::Registers<'_>| { #body };
                    // SAFETY: the registers are as the caller promises. The closure takes them in
                    // the order of the parameters, each by the kind that `__JBPF_ARGUMENTS` was
                    // made of.
                    unsafe { #private::run(&__JBPF_INFO, [r1, r2, r3, r4, r5], #call) }
                }

                #[#private::linkme::distributed_slice(#private::JBPF_HELPERS_V1)]
                #[linkme(crate = #private::linkme)]
                static __JBPF_ENTRY: &#private::HelperInfo = &__JBPF_INFO;
            };
        }
    }

    /// Takes the parameters, calls the function, and copies back the values that it may have
    /// changed.
    fn call(&self, private: &TokenStream) -> TokenStream {
        let ident = &self.function.sig.ident;
        let (registers, result) = (local("registers"), local("result"));
        let mut takes = TokenStream::new();
        let mut passed = Vec::new();
        let mut stores = TokenStream::new();
        for (index, parameter) in self.parameters.iter().enumerate() {
            let argument = local(&format!("argument{index}"));
            let (take, pass) = match &parameter.kind {
                Kind::Value(ty) => (
                    quote_spanned!(ty.span()=> #registers.value::<#ty>()),
                    quote!(#argument),
                ),
                Kind::Readable(ty) => (
                    quote_spanned!(ty.span()=> #registers.readable::<#ty>()),
                    quote!(&#argument),
                ),
                Kind::Writable(ty) => {
                    stores.extend(quote!(#argument.store();));
                    (
                        quote_spanned!(ty.span()=> #registers.writable::<#ty>()),
                        quote!(#argument.get_mut()),
                    )
                }
                Kind::Bytes => {
                    let room = local(&format!("room{index}"));
                    takes.extend(quote!(let mut #room = #private::BytesCopy::new();));
                    (quote!(#registers.bytes(&mut #room)), quote!(#argument))
                }
            };
            let mutable = matches!(parameter.kind, Kind::Writable(_)).then(|| quote!(mut));
            // SAFETY: the parameters are taken in their order, each as the kind and type that
            // `Parameter::argument` describes it by.
            takes.extend(quote!(let #mutable #argument = unsafe { #take };));
            passed.push(pass);
        }
        quote! {
            // There may be none to take.
            let _ = &#registers;
            #takes
            #[allow(clippy::let_unit_value)]
            let #result = #ident(#(#passed),*);
            #stores
            #result
        }
    }
}

/// A variable that differs from every function of the user's, whatever its name.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

impl Parameter {
    fn parse(input: &FnArg, errors: &mut Diagnostics) -> Option<Self> {
        let FnArg::Typed(typed) = input else {
            return None;
        };
        let Pat::Ident(pattern) = &*typed.pat else {
            errors.error(
                &typed.pat,
                "a helper's parameter is one name, not a pattern: the C header shows it. Take it apart in the body",
            );
            return None;
        };
        if let Some(lifetime) = named_lifetime(typed.ty.to_token_stream()) {
            errors.error(
                lifetime,
                "codelets lend what they pass until the call returns: leave the lifetime out, or write `'_`",
            );
            return None;
        }
        let kind = match &*typed.ty {
            Type::Reference(reference) => Kind::of_reference(reference, errors)?,
            ty => {
                check_value(ty, errors)?;
                Kind::Value(ty.clone())
            }
        };
        Some(Self {
            ident: pattern.ident.clone(),
            kind,
        })
    }

    /// The description of the parameter, an expression.
    fn argument(&self, private: &TokenStream) -> TokenStream {
        match &self.kind {
            Kind::Value(ty) => {
                quote_spanned!(ty.span()=> <#ty as #private::HelperValue<'_>>::ARGUMENT)
            }
            Kind::Readable(ty) => {
                let readable = Ident::new("readable", ty.span());
                quote_spanned!(ty.span()=> #private::HelperArgument::#readable::<#ty>())
            }
            Kind::Writable(ty) => {
                let writable = Ident::new("writable", ty.span());
                quote_spanned!(ty.span()=> #private::HelperArgument::#writable::<#ty>())
            }
            Kind::Bytes => quote!(#private::HelperArgument::copied_bytes()),
        }
    }
}

impl Kind {
    fn of_reference(reference: &TypeReference, errors: &mut Diagnostics) -> Option<Self> {
        let writable = reference.mutability.is_some();
        let target = &*reference.elem;
        match target {
            Type::Slice(slice) if !writable && is_named(&slice.elem, "u8") => Some(Self::Bytes),
            Type::Slice(_) => {
                errors.error(
                    reference,
                    "of slices, codelets can pass `&[u8]` alone: a pointer and a length in bytes, which may be read",
                );
                None
            }
            Type::TraitObject(_) | Type::ImplTrait(_) | Type::Reference(_) | Type::Ptr(_) => {
                errors.error(
                    reference,
                    "codelets pass data of one known layout, and no pointers inside it",
                );
                None
            }
            _ if is_named(target, "str") => {
                errors.error(
                    reference,
                    "codelets pass bytes, not `str`: take `&[u8]` and check them",
                );
                None
            }
            _ if writable => Some(Self::Writable(target.clone())),
            _ => Some(Self::Readable(target.clone())),
        }
    }

    /// The number of registers that it takes, as far as its name says.
    fn registers(&self) -> usize {
        match self {
            Self::Bytes => 2,
            Self::Value(ty) if is_named(ty, "CodeletBytes") => 2,
            Self::Value(_) | Self::Readable(_) | Self::Writable(_) => 1,
        }
    }
}

fn check_signature(signature: &Signature, errors: &mut Diagnostics) {
    if let Some(token) = &signature.asyncness {
        errors.error(
            token,
            "a helper cannot be `async`: the codelet waits for it to return",
        );
    }
    if let Safety::Unsafe(token) = &signature.safety {
        errors.error(token, "a helper cannot be `unsafe`: codelets can call it with any values of its parameters' types");
    }
    if let Some(abi) = &signature.abi {
        errors.error(
            abi,
            "a helper needs no `extern`: the macro writes the function that codelets call",
        );
    }
    if let Some(variadic) = &signature.variadic {
        errors.error(
            variadic,
            "a helper's parameters are the five registers of a call, at most",
        );
    }
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        errors.error(
            &signature.generics,
            "a helper cannot be generic: its signature is what the verifier demands of calls. Write `'_` for lifetimes",
        );
    }
    if let Some(receiver) = signature.receiver() {
        errors.error(
            receiver,
            "a helper is a free function: move it out of the `impl`",
        );
    }
    check_registers(signature, errors);
}

/// Points at the first parameter that has no register left.
fn check_registers(signature: &Signature, errors: &mut Diagnostics) {
    let mut quiet = Diagnostics::default();
    let mut registers = 0;
    for input in &signature.inputs {
        registers +=
            Parameter::parse(input, &mut quiet).map_or(1, |parameter| parameter.kind.registers());
        if registers > 5 {
            errors.error(
                input,
                "no register is left for this parameter: a codelet's call has five, of which bytes take two and \
                 everything else one",
            );
            return;
        }
    }
}

fn check_value(ty: &Type, errors: &mut Diagnostics) -> Option<()> {
    let message = if is_named(ty, "usize") || is_named(ty, "isize") {
        "this is not the same on every machine: take `u64` or `i64`"
    } else if is_named(ty, "f32") || is_named(ty, "f64") {
        "codelets compute with integers: take the bits as `u32` or `u64`, and `from_bits` in the body"
    } else if is_named(ty, "u128") || is_named(ty, "i128") {
        "a register has 64 bits: take it by reference"
    } else if is_named(ty, "String") || is_named(ty, "Vec") {
        "codelets pass bytes as `&[u8]`"
    } else if matches!(ty, Type::Ptr(_)) {
        "codelets pass memory as `&T`, `&mut T` or `&[u8]`, whose size the verifier checks; not as bare pointers"
    } else if matches!(
        ty,
        Type::Tuple(_) | Type::Array(_) | Type::Slice(_) | Type::ImplTrait(_) | Type::FnPtr(_)
    ) {
        "codelets pass numbers by value, and everything else by reference"
    } else {
        return Some(());
    };
    errors.error(ty, message);
    None
}

fn check_id(
    id: &LitInt,
    signature: &Signature,
    parameters: &[Parameter],
    errors: &mut Diagnostics,
) {
    let Some(number) = errors.take(id.base10_parse::<u32>()) else {
        return;
    };
    if (ids::FIRST_OF_APPLICATION..ids::END).contains(&number) {
        return;
    }
    let Some((_, takes)) = ids::REPLACEABLE.iter().find(|(id, _)| *id == number) else {
        errors.error(
            id,
            "helpers of the application have the ids 32 to 63; of the built-in ones, 7, 8, 9, 14 and 15 may be replaced",
        );
        return;
    };
    for parameter in parameters {
        if !matches!(&parameter.kind, Kind::Value(ty) if !is_named(ty, "MapRef") && !is_named(ty, "CodeletBytes"))
        {
            errors.error(
                &parameter.ident,
                format_args!("codelets call helper {number} with numbers only, so the function that replaces it takes no other parameters"),
            );
        }
    }
    if parameters.len() != *takes && signature.inputs.len() == parameters.len() {
        errors.error(
            &signature.ident,
            format_args!("codelets call helper {number} with {takes} numbers, so the function that replaces it has as many parameters"),
        );
    }
    if matches!(signature.output, ReturnType::Default) {
        errors.error(
            &signature.ident,
            format_args!("codelets expect a number of helper {number}, so the function that replaces it returns `u64` or `i32`"),
        );
    }
}

/// Checks that the name can become an identifier of the C header.
fn check_c_name(name: &LitStr, errors: &mut Diagnostics) {
    check_name(&name.value(), name, errors);
    if syn::parse_str::<Ident>(&name.value()).is_err() || !name.value().is_ascii() {
        errors.error(
            name,
            "codelets in C call the helper by this name: letters, digits and underscores",
        );
    }
}

/// The first lifetime with a name among the tokens of a type.
fn named_lifetime(tokens: TokenStream) -> Option<Ident> {
    let mut after_quote = false;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) if after_quote && ident != "_" => return Some(ident),
            TokenTree::Group(group) => {
                if let Some(found) = named_lifetime(group.stream()) {
                    return Some(found);
                }
                after_quote = false;
            }
            other => {
                after_quote = matches!(other, TokenTree::Punct(punct) if punct.as_char() == '\'')
            }
        }
    }
    None
}

fn is_named(ty: &Type, name: &str) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == name))
}
