//! Descriptions of fields, and the assertions about them, each with the span of the user's own
//! field.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Ident, Member, Type};

/// A field of the user's struct.
pub struct Field {
    /// The member by which it is accessed.
    pub member: Member,
    /// The name that codelets know it by.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Its `#[cfg]`s: attribute macros see fields that are not there.
    pub cfgs: Vec<Attribute>,
}

impl Field {
    /// The fields of a struct, whether they have names or not.
    pub fn new(index: usize, field: &syn::Field) -> Self {
        let member = match &field.ident {
            Some(ident) => Member::Named(ident.clone()),
            None => {
                let mut index = syn::Index::from(index);
                index.span = field.ty.span();
                Member::Unnamed(index)
            }
        };
        let name = match &member {
            Member::Named(ident) => crate::arguments::plain(ident),
            Member::Unnamed(index) => index.index.to_string(),
        };
        Self {
            member,
            name,
            ty: field.ty.clone(),
            cfgs: crate::arguments::cfgs(&field.attrs)
                .into_iter()
                .cloned()
                .collect(),
        }
    }

    /// The place of errors about the field as a whole.
    pub fn span(&self) -> Span {
        self.member.span()
    }
}

/// `offset_of!` of a field.
pub fn offset_of(private: &TokenStream, container: &TokenStream, field: &Field) -> TokenStream {
    let member = &field.member;
    quote!(#private::core::mem::offset_of!(#container, #member))
}

/// An item that fails to compile unless `ty` obeys `rule`, a struct of the rules that is generic
/// over such types.
///
/// The compiler checks a bound on the type of a constant before the bodies of functions and the
/// impls after it. So this error, which names the rule, comes before those that follow from it.
pub fn assert_type(private: &TokenStream, rule: &str, ty: &Type) -> TokenStream {
    // The span is the whole type: the error points there, or at a part of it.
    let span = ty.span();
    let rule = Ident::new(rule, span);
    let at = respanned(private.clone(), span);
    let obeyed = quote_spanned!(span=> #at::core::marker::PhantomData<#at::rules::#rule<#ty>>);
    quote_spanned!(span=> const _: #obeyed = #at::core::marker::PhantomData;)
}

/// Statements of a constant that fail if padding lies before one of `fields`.
pub fn assert_no_padding(
    private: &TokenStream,
    container: &TokenStream,
    fields: &[Field],
) -> TokenStream {
    let mut end = quote!(0);
    let mut statements = TokenStream::new();
    for field in fields {
        let (name, ty) = (&field.name, &field.ty);
        let offset = offset_of(private, container, field);
        statements.extend(respanned(
            quote!(#private::rules::no_padding_before(#name, #offset, #end);),
            field.span(),
        ));
        end = quote!(#offset + #private::core::mem::size_of::<#ty>());
    }
    statements
}

/// A statement of a constant that fails if padding lies after the last of `fields`.
pub fn assert_no_padding_after(
    private: &TokenStream,
    container: &TokenStream,
    fields: &[Field],
) -> TokenStream {
    let Some(last) = fields.last() else {
        return TokenStream::new();
    };
    let (name, ty) = (&last.name, &last.ty);
    let offset = offset_of(private, container, last);
    let assertion = quote! {
        #private::rules::no_padding_after(
            #name,
            #offset + #private::core::mem::size_of::<#ty>(),
            #private::core::mem::size_of::<#container>(),
        );
    };
    respanned(assertion, last.span())
}

/// The tokens, all at `span`. An error in the evaluation of a constant points at the beginning of
/// its call.
pub fn respanned(tokens: TokenStream, span: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Group(group) => {
                let mut moved = Group::new(group.delimiter(), respanned(group.stream(), span));
                moved.set_span(span);
                TokenTree::Group(moved)
            }
            mut other => {
                other.set_span(span);
                other
            }
        })
        .collect()
}
