//! `#[jbpf_data]` and `#[derive(JbpfData)]`: structs that codelets can see.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Data, DeriveInput, Ident, Path, Type};

use crate::arguments::{Arguments, cfgs, docs, is_repr_c, plain};
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

/// The struct that `#[jbpf_data]` was put on.
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
        let fields = fields_of(&item, &mut errors);
        for field in fields.iter().filter(|field| field.cfgs.is_empty()) {
            check_type(&field.ty, !read_only, &mut errors);
        }
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
        let assertions = self.assertions(&private);
        let item = &self.item;
        quote! {
            #assertions

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
        }
    }

    /// The assertions come before the struct, so that the error in a field comes before those that
    /// follow from it.
    fn assertions(&self, private: &TokenStream) -> TokenStream {
        let item_cfgs = cfgs(&self.item.attrs);
        let rule = if self.read_only {
            "Known"
        } else {
            "Rewritable"
        };
        let assertions = self.fields.iter().map(|field| {
            let field_cfgs = &field.cfgs;
            let assertion = assert_type(private, rule, &field.ty);
            quote!(#(#item_cfgs)* #(#field_cfgs)* #assertion)
        });
        quote!(#(#assertions)*)
    }
}

/// A struct whose layout is described.
struct Struct {
    ident: Ident,
    fields: Vec<Field>,
    text: Vec<bool>,
    docs: String,
    krate: Option<Path>,
    /// Whether `#[jbpf_data]` wrote it, so that zerocopy's derives are there and report on the
    /// struct.
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

            const _: () = {
                #[#private::linkme::distributed_slice(#private::JBPF_DATA_V1)]
                #[linkme(crate = #private::linkme)]
                static __JBPF_ENTRY: &#private::DataInfo = &#private::DataInfo {
                    layout: &<#ident as #private::JbpfData>::LAYOUT,
                    module: #private::core::module_path!(),
                };
            };

            #assertions
        }
    }

    /// The order matters: the error that explains the others comes first.
    fn assertions(&self, private: &TokenStream, container: &TokenStream) -> TokenStream {
        let types = self.fields.iter().zip(&self.text).map(|(field, text)| {
            let readable = (!self.complete).then(|| {
                let known = assert_type(private, "Known", &field.ty);
                let shown = assert_type(private, "Shown", &field.ty);
                quote!(#known #shown)
            });
            let text = text.then(|| assert_type(private, "Printable", &field.ty));
            quote!(#readable #text)
        });
        let padding = assert_no_padding(private, container, &self.fields);
        let after = assert_no_padding_after(private, container, &self.fields);
        let not_empty = respanned(
            quote!(#private::rules::not_empty(#private::core::mem::size_of::<#container>());),
            self.ident.span(),
        );
        let whole = syn::parse_quote!(#container);
        let readable = (!self.complete).then(|| assert_type(private, "Shown", &whole));
        quote! {
            #(#types)*
            #readable
            const _: () = { #not_empty #padding #after };
        }
    }
}

/// The fields, or an error if the item is not a struct without parameters.
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

/// Reports types that no rule admits, by their names. The traits decide about other names.
fn check_type(ty: &Type, written: bool, errors: &mut Diagnostics) {
    let message = match ty {
        Type::Array(array) => return check_type(&array.elem, written, errors),
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else {
                return;
            };
            let name = last.ident.to_string();
            match name.as_str() {
                "String" | "Vec" | "Box" | "Rc" | "Arc" | "HashMap" | "BTreeMap" | "CString" => format!(
                    "codelets see the bytes of the struct itself, and what a `{name}` holds lies elsewhere: store an \
                     array, such as `[u8; 32]`"
                ),
                "Option" | "Result" => format!(
                    "C has no `{name}`: store a number that says whether there is a value, and the value beside it"
                ),
                "usize" => "`usize` is not the same on every machine: store `u64`".to_owned(),
                "isize" => "`isize` is not the same on every machine: store `i64`".to_owned(),
                "char" => "C has no `char` of four bytes: store `u32`".to_owned(),
                "bool" if written => "a codelet may write any bits, and a `bool` has two valid ones: store `u8`, or \
                                      write `#[jbpf_data(read_only)]` to keep codelets from writing to the struct"
                    .to_owned(),
                _ => return,
            }
        }
        Type::Reference(_) | Type::Ptr(_) | Type::FnPtr(_) => {
            "codelets see the bytes of the struct itself, and cannot follow a pointer: store the value".to_owned()
        }
        Type::Tuple(_) => {
            "a tuple's layout is not C's: declare a struct of its own with `#[jbpf_data]`".to_owned()
        }
        _ => return,
    };
    errors.error(ty, message);
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
