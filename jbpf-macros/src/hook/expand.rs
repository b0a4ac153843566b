//! From a [`HookFunction`] to its context, its static and its functions.
//!
//! The function becomes three. The one with the user's name is inlined at every call: it looks at
//! one word and goes on to the *body*, which is the user's own block. Only if something is
//! attached, it calls *fire*, which is never inlined. *Fire* builds the context, so that an idle
//! call does not compute it.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{AttrStyle, Attribute, FnArg, Ident, ItemFn, Pat, Stmt, Type};

use super::{HookFunction, Input, Parameter, Role};
use crate::arguments::{cfgs, docs, plain};
use crate::context::generated_name;
use crate::paths::Crate;

impl HookFunction {
    pub fn expand(&self) -> TokenStream {
        let krate = Crate::resolve(self.arguments.krate.as_ref());
        let private = krate.private();
        let context = match &self.input {
            Input::Parameters(parameters) => {
                self.generated_context(parameters, &private, &krate.zerocopy())
            }
            // Before the static, so that this error comes first.
            Input::Context { ty, .. } => {
                let cfgs = cfgs(&self.function.attrs);
                let passed = crate::layout::assert_type(&private, "Passed", ty);
                quote!(#(#cfgs)* #passed)
            }
        };
        let hook = self.hook_static(&private);
        let function = self.function(&private);
        quote! {
            #context
            #hook
            #function
        }
    }

    /// The name of the static.
    fn static_name(&self) -> Ident {
        let ident = &self.function.sig.ident;
        format_ident!("{}_HOOK", plain(ident).to_uppercase(), span = ident.span())
    }

    /// The name that load requests use.
    fn name(&self) -> String {
        match &self.arguments.name {
            Some(name) => name.value(),
            None => plain(&self.function.sig.ident),
        }
    }

    fn context_type(&self) -> Type {
        match &self.input {
            Input::Parameters(_) => {
                let name = generated_name(&self.function.sig.ident);
                syn::parse_quote!(#name)
            }
            Input::Context { ty, .. } => (**ty).clone(),
        }
    }

    fn generated_context(
        &self,
        parameters: &[Parameter],
        private: &TokenStream,
        zerocopy: &syn::LitStr,
    ) -> TokenStream {
        let ItemFn { attrs, vis, .. } = &self.function;
        let cfgs = cfgs(attrs);
        let ident = generated_name(&self.function.sig.ident);
        let name = ident.to_string();
        let docs = format!("What the codelets of hook `{}` are given.", self.name());
        let numbers: Vec<&Parameter> = numbers(parameters).collect();
        let scalars = Scalars::new(&self.static_name(), &numbers, private);
        let scalars_item = scalars.item(&cfgs);
        let fields = numbers.iter().enumerate().map(|(index, number)| {
            let (ident, ty) = (&number.ident, &number.ty);
            let padding = padding_field(index);
            let size = scalars.padding_before(index);
            quote!(#padding: #size, #ident: #ty,)
        });
        let padding = padding_field(numbers.len());
        let padding_size = scalars.padding_after();
        let described = numbers.iter().map(|number| {
            let (ident, ty) = (&number.ident, &number.ty);
            let name = plain(ident);
            let writable = matches!(number.role, Role::Number { writable: true });
            quote! {
                #private::rules::field::<#ty>(#name, #private::core::mem::offset_of!(Self, #ident), #writable)
            }
        });
        let writable = numbers
            .iter()
            .filter(|number| matches!(number.role, Role::Number { writable: true }))
            .map(|number| crate::layout::assert_type(private, "WrittenNumber", &number.ty));
        let region = region_layout(parameters, private);
        quote! {
            #scalars_item

            #(#cfgs)*
            #[doc = #docs]
            #[derive(#private::zerocopy::IntoBytes, #private::zerocopy::Immutable, #private::zerocopy::KnownLayout)]
            #[zerocopy(crate = #zerocopy)]
            #[repr(C)]
            #[allow(dead_code, missing_debug_implementations, missing_copy_implementations)]
            #vis struct #ident {
                data: u64,
                data_end: u64,
                meta_data: u64,
                #(#fields)*
                #padding: #padding_size,
            }

            // SAFETY: the struct is `repr(C)` and starts with the three words. The layout takes
            // each offset from the compiler. `IntoBytes` proves that no byte is uninitialised.
            #(#cfgs)*
            unsafe impl #private::JbpfContext for #ident {
                const CONTEXT: #private::ContextLayout = {
                    #(#writable)*
                    #private::ContextLayout::new(#name, #region, &[#(#described),*])
                };
            }
        }
    }

    fn hook_static(&self, private: &TokenStream) -> TokenStream {
        let ItemFn {
            attrs, vis, sig, ..
        } = &self.function;
        let cfgs = cfgs(attrs);
        let hook = self.static_name();
        let name = self.name();
        let kind = if self.arguments.control {
            quote!(Control)
        } else {
            quote!(Monitoring)
        };
        let program_type = option(self.arguments.program_type.as_ref(), private);
        let max_instructions = option(self.arguments.max_instructions.as_ref(), private);
        let docs = docs(attrs);
        let context = self.context_type();
        let context = quote_spanned!(context.span()=> <#context as #private::JbpfContext>::CONTEXT);
        // The span of the name, so that the line is the function's.
        let line = quote_spanned!(sig.ident.span()=> #private::core::line!());
        quote! {
            #(#cfgs)*
            #[doc(hidden)]
            #vis static #hook: #private::Hook = #private::Hook::new(#private::HookInfo {
                name: #name,
                kind: #private::HookKind::#kind,
                program_type: #program_type,
                max_instructions: #max_instructions,
                context: &#context,
                module: #private::core::module_path!(),
                file: #private::core::file!(),
                line: #line,
                docs: #docs,
            });

            #(#cfgs)*
            const _: () = {
                #[#private::linkme::distributed_slice(#private::JBPF_HOOKS_V1)]
                #[linkme(crate = #private::linkme)]
                static __JBPF_ENTRY: &#private::Hook = &#hook;
            };
        }
    }

    /// The function with the user's name, and inside it the other two.
    fn function(&self, private: &TokenStream) -> TokenStream {
        let ItemFn {
            attrs, vis, sig, ..
        } = &self.function;
        let attributes = attrs.iter().filter_map(for_wrapper);
        let hook = self.static_name();
        let mut signature = sig.clone();
        for input in &mut signature.inputs {
            if let FnArg::Typed(typed) = input
                && let Pat::Ident(ident) = &mut *typed.pat
            {
                ident.mutability = None;
            }
        }
        let names = sig.inputs.iter().filter_map(parameter_name);
        let fire = self.fire(private);
        let armed = self.armed_call(private);
        let body = self.body();
        quote! {
            #(#attributes)*
            #[inline(always)]
            #[allow(clippy::inline_always)]
            #vis #signature {
                #fire
                #body
                if #private::ENABLED && #hook.is_armed() {
                    #private::core::hint::cold_path();
                    #armed
                }
                __jbpf_body(#(#names),*)
            }
        }
    }

    /// Builds the context and runs the attached codelets.
    fn fire(&self, private: &TokenStream) -> TokenStream {
        let hook = self.static_name();
        let (method, answer_type) = if self.arguments.control {
            (
                quote!(fire_control),
                quote!(#private::core::option::Option<u64>),
            )
        } else {
            (quote!(fire), quote!(()))
        };
        match &self.input {
            Input::Parameters(parameters) => {
                let context_type = generated_name(&self.function.sig.ident);
                let (words, context) = (local("bounds"), local("context"));
                let given = parameters
                    .iter()
                    .filter(|parameter| !matches!(parameter.role, Role::Skip));
                let given = given.map(fire_parameter);
                let bounds = bounds(parameters, private);
                let meta_data = meta_data(parameters);
                let numbers: Vec<&Parameter> = numbers(parameters).collect();
                let fields = numbers.iter().enumerate().map(|(index, number)| {
                    let ident = &number.ident;
                    let padding = padding_field(index);
                    quote!(#padding: [0; _], #ident,)
                });
                let padding = padding_field(numbers.len());
                quote! {
                    #[inline(never)]
                    #[allow(clippy::too_many_arguments)]
                    fn __jbpf_fire(#(#given),*) -> #answer_type {
                        let #words = #bounds;
                        let mut #context = #context_type {
                            data: #words.data,
                            data_end: #words.data_end,
                            meta_data: #meta_data,
                            #(#fields)*
                            #padding: [0; _],
                        };
                        // SAFETY: this is the hook that was declared with this context, and the
                        // bounds are those of a reference that lives until the end of this call.
                        unsafe { #hook.#method(&mut #context) }
                    }
                }
            }
            Input::Context { ty, .. } => quote! {
                #[inline(never)]
                fn __jbpf_fire(context: &mut #ty) -> #answer_type {
                    // SAFETY: this is the hook that was declared with this context, whose region
                    // holds the borrow of the memory that it bounds (`PassedContext`, asserted
                    // beside the hook).
                    unsafe { #hook.#method(context) }
                }
            },
        }
    }

    /// The part of an armed call before the body.
    fn armed_call(&self, private: &TokenStream) -> TokenStream {
        let (answer, context) = (local("answer"), local("context"));
        match &self.input {
            Input::Parameters(parameters) => {
                let given = parameters
                    .iter()
                    .filter(|parameter| !matches!(parameter.role, Role::Skip))
                    .map(|parameter| {
                        let ident = &parameter.ident;
                        match &parameter.role {
                            Role::Region { writable: true, .. } => quote!(&mut *#ident),
                            _ => ident.to_token_stream(),
                        }
                    });
                if self.arguments.control {
                    quote! {
                        if let #private::core::option::Option::Some(#answer) = __jbpf_fire(#(#given),*) {
                            return #answer;
                        }
                    }
                } else {
                    quote!(__jbpf_fire(#(#given),*);)
                }
            }
            // The context moves into a local of this branch. If its own address was taken, idle
            // calls would write it to memory, too.
            Input::Context { ident, .. } if self.arguments.control => quote! {
                let mut #context = #ident;
                if let #private::core::option::Option::Some(#answer) = __jbpf_fire(&mut #context) {
                    return #answer;
                }
                return __jbpf_body(#context);
            },
            Input::Context { ident, .. } => quote! {
                let mut #context = #ident;
                __jbpf_fire(&mut #context);
                return __jbpf_body(#context);
            },
        }
    }

    /// The user's block, as a function of its own.
    fn body(&self) -> TokenStream {
        let ItemFn {
            attrs, sig, block, ..
        } = &self.function;
        let attributes: Vec<TokenStream> = attrs.iter().filter_map(for_body).collect();
        let inlined = attrs.iter().any(|attribute| {
            attribute.path().is_ident("inline") || attribute.path().is_ident("cold")
        });
        // A trivial body has nothing to call. For other bodies, the compiler decides as it would
        // for the original function.
        let inline = (!inlined && is_trivial(&block.stmts)).then(|| quote!(#[inline]));
        let mut signature = sig.clone();
        signature.ident = Ident::new("__jbpf_body", Span::call_site());
        let names: Vec<&Ident> = sig.inputs.iter().filter_map(parameter_name).collect();
        let statements = &block.stmts;
        // Codelets use the parameters, if the body does not.
        let used = (!names.is_empty()).then(|| quote!(let _ = (#(&#names,)*);));
        let block = quote_spanned! {block.brace_token.span.join()=> {
            #used
            #(#statements)*
        }};
        quote! {
            // These lints concern the signature, which the user's own function shows to clippy as
            // well.
            #[allow(
                clippy::missing_const_for_fn,
                clippy::needless_pass_by_ref_mut,
                clippy::needless_pass_by_value,
                clippy::too_many_arguments,
                clippy::trivially_copy_pass_by_ref,
            )]
            #(#attributes)*
            #inline
            #signature #block
        }
    }
}

/// The representations of a generated context's numbers, as a constant from which padding is
/// computed.
struct Scalars {
    ident: Ident,
    types: Vec<Type>,
    private: TokenStream,
}

impl Scalars {
    fn new(hook: &Ident, numbers: &[&Parameter], private: &TokenStream) -> Self {
        Self {
            ident: format_ident!("__{hook}_NUMBERS"),
            types: numbers.iter().map(|number| number.ty.clone()).collect(),
            private: private.clone(),
        }
    }

    fn item(&self, cfgs: &[&Attribute]) -> TokenStream {
        let Self {
            ident,
            types,
            private,
        } = self;
        let scalars = types
            .iter()
            .map(|ty| quote_spanned!(ty.span()=> <#ty as #private::ContextNumber>::SCALAR));
        quote! {
            #(#cfgs)*
            const #ident: &[#private::Scalar] = &[#(#scalars),*];
        }
    }

    fn padding_before(&self, index: usize) -> TokenStream {
        let Self { ident, private, .. } = self;
        quote!([u8; #private::rules::padding_before(#ident, #index)])
    }

    fn padding_after(&self) -> TokenStream {
        let Self { ident, private, .. } = self;
        quote!([u8; #private::rules::padding_after(#ident)])
    }
}

fn numbers(parameters: &[Parameter]) -> impl Iterator<Item = &Parameter> {
    parameters
        .iter()
        .filter(|parameter| matches!(parameter.role, Role::Number { .. }))
}

fn parameter_name(input: &FnArg) -> Option<&Ident> {
    match input {
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(pattern) => Some(&pattern.ident),
            _ => None,
        },
        FnArg::Receiver(_) => None,
    }
}

/// A variable that differs from every parameter of the user's, whatever its name.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

fn padding_field(index: usize) -> Ident {
    format_ident!("__padding{index}")
}

fn option(value: Option<&impl ToTokens>, private: &TokenStream) -> TokenStream {
    match value {
        Some(value) => quote!(#private::core::option::Option::Some(#value)),
        None => quote!(#private::core::option::Option::None),
    }
}

fn region_layout(parameters: &[Parameter], private: &TokenStream) -> TokenStream {
    parameters
        .iter()
        .find_map(|parameter| match &parameter.role {
            Role::Region { target, writable } => Some(if *writable {
                quote_spanned!(target.span()=> <#target as #private::WritableTarget>::EXCLUSIVE)
            } else {
                quote_spanned!(target.span()=> <#target as #private::RegionTarget>::SHARED)
            }),
            _ => None,
        })
        .unwrap_or_else(|| quote!(<() as #private::RegionTarget>::SHARED))
}

fn bounds(parameters: &[Parameter], private: &TokenStream) -> TokenStream {
    parameters
        .iter()
        .find_map(|parameter| match &parameter.role {
            Role::Region { target, writable } => {
                let ident = &parameter.ident;
                let make = Ident::new(
                    if *writable { "exclusive" } else { "shared" },
                    target.span(),
                );
                Some(quote_spanned!(target.span()=> #private::Bounds::#make::<#target>(#ident)))
            }
            _ => None,
        })
        .unwrap_or_else(|| quote!(#private::Bounds::NONE))
}

fn meta_data(parameters: &[Parameter]) -> TokenStream {
    parameters
        .iter()
        .find(|parameter| matches!(parameter.role, Role::MetaData))
        .map_or_else(|| quote!(0), |parameter| parameter.ident.to_token_stream())
}

/// A parameter of the function that fires. References lose the lifetimes that the user wrote,
/// because a `&'static mut` could not be lent.
fn fire_parameter(parameter: &Parameter) -> TokenStream {
    let (ident, ty) = (&parameter.ident, &parameter.ty);
    match &parameter.role {
        Role::Region {
            target,
            writable: true,
        } => quote!(#ident: &mut #target),
        Role::Region { target, .. } => quote!(#ident: &#target),
        _ => quote!(#ident: #ty),
    }
}

/// The body has nothing in it but, at most, one literal or name.
fn is_trivial(statements: &[Stmt]) -> bool {
    match statements {
        [] => true,
        [Stmt::Expr(expression, None)] => {
            matches!(expression, syn::Expr::Lit(_) | syn::Expr::Path(_))
        }
        _ => false,
    }
}

/// Attributes that the function with the user's name keeps: all that callers, docs and the linker
/// see.
fn for_wrapper(attribute: &Attribute) -> Option<TokenStream> {
    let path = attribute.path();
    if path.is_ident("inline")
        || path.is_ident("cold")
        || matches!(attribute.style, AttrStyle::Inner(_))
    {
        return None;
    }
    // The body may meet the expectation, or the signature in both places.
    if path.is_ident("expect") {
        return allowing(attribute);
    }
    Some(attribute.to_token_stream())
}

/// Attributes that the body keeps: all that concern the compiler's work on the code and its lints.
fn for_body(attribute: &Attribute) -> Option<TokenStream> {
    let lints = ["allow", "expect", "warn", "deny", "forbid"];
    let code = ["inline", "cold", "track_caller", "cfg"];
    let path = attribute.path();
    if !lints.iter().chain(&code).any(|name| path.is_ident(name)) {
        return None;
    }
    let meta = &attribute.meta;
    Some(quote!(#[#meta]))
}

/// `#[expect(...)]` as `#[allow(...)]`.
fn allowing(attribute: &Attribute) -> Option<TokenStream> {
    let list = attribute.meta.require_list().ok()?;
    let lints = &list.tokens;
    Some(quote!(#[allow(#lints)]))
}
