//! `#[jbpf_data]` and `#[derive(JbpfData)]`: structs that codelets can see.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Data, DeriveInput, Ident, Path};

use crate::arguments::{Arguments, docs, is_repr_c, plain};
use crate::diagnostics::{Diagnostics, or_original};
use crate::layout::{
    Field, assert_no_padding, assert_no_padding_after, assert_type, offset_of, respanned,
};
use crate::paths::Crate;

pub fn expand_attribute(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let expansion = Attribute::parse(arguments, item.clone()).map(Attribute::expand);
    or_original(expansion, || without_field_attributes(item))
}

pub fn expand_derive(item: TokenStream) -> TokenStream {
    let expansion = syn::parse2(item)
        .and_then(|item| Struct::parse(&item))
        .map(|data| data.expand());
    expansion.unwrap_or_else(syn::Error::into_compile_error)
}

/// What `#[jbpf_data]` was put on.
struct Attribute {
    item: DeriveInput,
    fields: Vec<Field>,
    adds_repr: bool,
    read_only: bool,
    krate: Option<Path>,
}

impl Attribute {
    fn parse(arguments: TokenStream, item: TokenStream) -> syn::Result<Self> {
        let mut errors = Diagnostics::default();
        let arguments = Arguments::parse(arguments, &["read_only", "crate"], &mut errors);
        let read_only = arguments.flag("read_only", &mut errors).is_some();
        let krate = arguments.path("crate", &mut errors);
        let item = match syn::parse2::<DeriveInput>(item) {
            Ok(item) => item,
            Err(error) => {
                errors.add(error);
                errors.finish()?;
                return Err(syn::Error::new(
                    proc_macro2::Span::call_site(),
                    "expected a struct",
                ));
            }
        };
        let adds_repr = !is_repr_c(&item.attrs, &mut errors);
        // The derive looks at the rest, and reports on it.
        let fields = fields_of(&item, &mut errors);
        errors.finish()?;
        Ok(Self {
            item,
            fields,
            adds_repr,
            read_only,
            krate,
        })
    }

    fn expand(self) -> TokenStream {
        let krate = Crate::resolve(self.krate.as_ref());
        let (private, root, zerocopy) = (krate.private(), krate.root(), krate.zerocopy());
        let repr = self.adds_repr.then(|| quote!(#[repr(C)]));
        let told = self.krate.as_ref().map(|path| quote!(, crate = #path));
        let from_bytes = (!self.read_only).then(|| quote!(#private::zerocopy::FromBytes,));
        let any_bits = (!self.read_only).then(|| self.assert_any_bits(&private));
        let item = &self.item;
        quote! {
            #[derive(
                #private::zerocopy::IntoBytes,
                #private::zerocopy::Immutable,
                #private::zerocopy::KnownLayout,
                #from_bytes
                #root::JbpfData,
            )]
            #[zerocopy(crate = #zerocopy)]
            #[jbpf(complete #told)]
            #repr
            #item
            #any_bits
        }
    }

    fn assert_any_bits(&self, private: &TokenStream) -> TokenStream {
        let cfgs = crate::arguments::cfgs(&self.item.attrs);
        let assertions = self
            .fields
            .iter()
            .map(|field| assert_type(private, "any_bits", &field.ty));
        quote! {
            #(#cfgs)*
            const _: () = { #(#assertions)* };
        }
    }
}

/// A struct whose layout is described.
struct Struct {
    ident: Ident,
    fields: Vec<Field>,
    text: Vec<bool>,
    docs: String,
    krate: Option<Path>,
    /// Written by `#[jbpf_data]`, so that zerocopy's derives are there and report on the struct.
    complete: bool,
}

impl Struct {
    fn parse(item: &DeriveInput) -> syn::Result<Self> {
        let mut errors = Diagnostics::default();
        let arguments = Arguments::of_field(&item.attrs, &["crate", "complete"], &mut errors);
        let krate = arguments.path("crate", &mut errors);
        let fields = fields_of(item, &mut errors);
        if !is_repr_c(&item.attrs, &mut errors) {
            errors.error(
                &item.ident,
                "add `#[repr(C)]`: codelets are compiled against C's layout, and Rust's own may change with each build",
            );
        }
        let text = match &item.data {
            Data::Struct(data) => data
                .fields
                .iter()
                .map(|field| {
                    let arguments = Arguments::of_field(&field.attrs, &["text"], &mut errors);
                    arguments.flag("text", &mut errors).is_some()
                })
                .collect(),
            _ => Vec::new(),
        };
        errors.finish()?;
        Ok(Self {
            ident: item.ident.clone(),
            fields,
            text,
            docs: docs(&item.attrs),
            krate,
            complete: arguments.contains("complete"),
        })
    }

    fn expand(&self) -> TokenStream {
        let private = Crate::resolve(self.krate.as_ref()).private();
        let ident = &self.ident;
        let (name, docs) = (plain(ident), &self.docs);
        let container = ident.to_token_stream();
        let fields = self.fields.iter().zip(&self.text).map(|(field, text)| {
            let (name, ty) = (&field.name, &field.ty);
            let offset = offset_of(&private, &container, field);
            quote! {
                #private::Field {
                    name: #name,
                    offset: #offset,
                    ty: <#ty as #private::FieldType>::TYPE,
                    text: #text,
                }
            }
        });
        let assertions = self.assertions(&private, &container);
        quote! {
            impl #private::JbpfData for #ident {
                const LAYOUT: #private::DataLayout = #private::DataLayout {
                    name: #name,
                    size: #private::core::mem::size_of::<Self>(),
                    align: #private::core::mem::align_of::<Self>(),
                    fields: &[#(#fields),*],
                    docs: #docs,
                };
            }

            impl #private::FieldType for #ident {
                const TYPE: #private::Type =
                    #private::Type::Struct(&<Self as #private::JbpfData>::LAYOUT);
            }

            #assertions
        }
    }

    /// In this order, so that the error that explains the others comes first.
    fn assertions(&self, private: &TokenStream, container: &TokenStream) -> TokenStream {
        let types = self.fields.iter().zip(&self.text).map(|(field, text)| {
            let known = assert_type(private, "known_layout", &field.ty);
            let readable = assert_type(private, "readable", &field.ty);
            let text = text.then(|| assert_type(private, "text", &field.ty));
            quote!(#known #readable #text)
        });
        let padding = assert_no_padding(private, container, &self.fields);
        let after = assert_no_padding_after(private, container, &self.fields);
        let readable = (!self.complete).then(|| quote!(#private::rules::readable::<#container>();));
        let whole = quote! {
            #private::rules::not_empty(#private::core::mem::size_of::<#container>());
            #readable
        };
        let whole = respanned(whole, self.ident.span());
        quote! {
            const _: () = { #(#types)* };
            const _: () = { #padding #after };
            const _: () = { #whole };
        }
    }
}

/// The fields, or an error where the item is not a struct without parameters.
fn fields_of(item: &DeriveInput, errors: &mut Diagnostics) -> Vec<Field> {
    if !item.generics.params.is_empty() {
        errors.error(
            &item.generics,
            "data that codelets see has one layout, so its struct has no generic parameters and no lifetimes",
        );
    }
    match &item.data {
        Data::Struct(data) => data
            .fields
            .iter()
            .enumerate()
            .map(|(index, field)| Field::new(index, field))
            .collect(),
        Data::Enum(data) => {
            errors.error(
                data.enum_token,
                "codelets see structs; store an enum as an integer, as C does",
            );
            Vec::new()
        }
        Data::Union(data) => {
            errors.error(
                data.union_token,
                "codelets see structs, whose bytes are always initialised; a union's are not",
            );
            Vec::new()
        }
    }
}

/// The item as the user wrote it, without the attributes that only the derive would understand.
fn without_field_attributes(item: TokenStream) -> TokenStream {
    let Ok(mut parsed) = syn::parse2::<DeriveInput>(item.clone()) else {
        return item;
    };
    if let Data::Struct(data) = &mut parsed.data {
        for field in &mut data.fields {
            field
                .attrs
                .retain(|attribute| !attribute.path().is_ident("jbpf"));
        }
    }
    parsed.into_token_stream()
}
