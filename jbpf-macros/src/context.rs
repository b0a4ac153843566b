//! `#[derive(JbpfContext)]`: contexts that are structs of the application's own.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Fields, Generics, Ident, Path, Type};

use crate::arguments::{Arguments, is_repr_c, plain};
use crate::diagnostics::Diagnostics;
use crate::layout::{Field, assert_no_padding, assert_type, offset_of};
use crate::paths::Crate;

pub fn expand(item: TokenStream) -> TokenStream {
    let expansion = syn::parse2(item)
        .and_then(Context::parse)
        .map(|context| context.expand());
    expansion.unwrap_or_else(syn::Error::into_compile_error)
}

/// Names that C code finds at the start of every context.
pub const RESERVED: [&str; 3] = ["data", "data_end", "meta_data"];

/// A struct that becomes a context.
struct Context {
    ident: Ident,
    generics: Generics,
    /// The region first.
    fields: Vec<Field>,
    writable: Vec<bool>,
    krate: Option<Path>,
}

impl Context {
    fn parse(item: DeriveInput) -> syn::Result<Self> {
        let mut errors = Diagnostics::default();
        let krate =
            Arguments::of_field(&item.attrs, &["crate"], &mut errors).path("crate", &mut errors);
        check_generics(&item.generics, &mut errors);
        if !is_repr_c(&item.attrs, &mut errors) {
            errors.error(
                &item.ident,
                "add `#[repr(C)]`: codelets are compiled against C's layout, and Rust's own may change with each build",
            );
        }
        let mut fields = Vec::new();
        let mut writable = Vec::new();
        match &item.data {
            Data::Struct(data) => {
                check_order(&data.fields, &item.ident, &mut errors);
                for (index, field) in data.fields.iter().enumerate() {
                    let arguments = Arguments::of_field(&field.attrs, &["writable"], &mut errors);
                    let flag = arguments.flag("writable", &mut errors);
                    let field = Field::new(index, field);
                    check_field(index, &field, flag.as_ref(), &mut errors);
                    writable.push(flag.is_some());
                    fields.push(field);
                }
            }
            Data::Enum(data) => errors.error(data.enum_token, "a context is a struct"),
            Data::Union(data) => errors.error(data.union_token, "a context is a struct"),
        }
        errors.finish()?;
        Ok(Self {
            ident: item.ident,
            generics: item.generics,
            fields,
            writable,
            krate,
        })
    }

    fn expand(&self) -> TokenStream {
        let Some((region, numbers)) = self.fields.split_first() else {
            return TokenStream::new();
        };
        let private = Crate::resolve(self.krate.as_ref()).private();
        let ident = &self.ident;
        let name = plain(ident);
        let (impl_generics, generics, _) = self.generics.split_for_impl();
        let container = quote!(Self);
        let any = if self.generics.params.is_empty() {
            quote!(#ident)
        } else {
            quote!(#ident<'_>)
        };
        let region_ty = &region.ty;
        let region =
            quote_spanned!(region_ty.span()=> <#region_ty as #private::ContextRegion>::LAYOUT);
        let described = numbers.iter().zip(self.writable.iter().skip(1)).map(
            |(field, writable)| {
                let (name, ty) = (&field.name, &field.ty);
                let offset = offset_of(&private, &container, field);
                let rule = Ident::new("field", ty.span());
                quote_spanned!(ty.span()=> #private::rules::#rule::<#ty>(#name, #offset, #writable))
            },
        );
        let writable = numbers
            .iter()
            .zip(self.writable.iter().skip(1))
            .filter(|(_, writable)| **writable)
            .map(|(field, _)| assert_type(&private, "WrittenNumber", &field.ty));
        let padding = assert_no_padding(&private, &container, &self.fields);
        quote! {
            // SAFETY: the struct is `repr(C)` and starts with a region. The layout takes each
            // offset from the compiler. All fields are numbers, initialised and without padding
            // between them.
            unsafe impl #impl_generics #private::JbpfContext for #ident #generics {
                const CONTEXT: #private::ContextLayout = {
                    #(#writable)*
                    #padding
                    #private::ContextLayout::new(#name, #region, &[#(#described),*])
                };
            }

            // SAFETY: the first field is a region, which holds the borrow of the memory that it
            // bounds.
            unsafe impl #impl_generics #private::PassedContext for #ident #generics {}

            const _: #private::ContextLayout = <#any as #private::JbpfContext>::CONTEXT;
        }
    }
}

fn check_generics(generics: &Generics, errors: &mut Diagnostics) {
    for parameter in generics.type_params() {
        errors.error(
            parameter,
            "a context has one layout, so its struct has no type parameters",
        );
    }
    for parameter in generics.const_params() {
        errors.error(
            parameter,
            "a context has one layout, so its struct has no const parameters",
        );
    }
    if let Some(second) = generics.lifetimes().nth(1) {
        errors.error(
            second,
            "a context has one region, so its struct has one lifetime at most",
        );
    }
}

/// Checks that the region comes first, and that there is one. It knows types only by their names;
/// the trait's own error reports types of other names.
fn check_order(fields: &Fields, ident: &Ident, errors: &mut Diagnostics) {
    let Some(first) = fields.iter().next() else {
        errors.error(
            ident,
            "a context begins with its data region: make the first field a `Region<'_, T>` or `RegionMut<'_, T>`",
        );
        return;
    };
    let Some(later) = fields.iter().skip(1).find(|field| is_region(&field.ty)) else {
        return;
    };
    if is_region(&first.ty) {
        errors.error(
            &later.ty,
            "a context has one data region, and the first field is it",
        );
    } else {
        errors.error(
            &later.ty,
            "the data region is the first field of a context: move this one to the start",
        );
    }
}

fn check_field(index: usize, field: &Field, writable: Option<&Path>, errors: &mut Diagnostics) {
    if index == 0 {
        if let Some(writable) = writable {
            errors.error(
                writable,
                "codelets may write to what a `RegionMut<'_, T>` holds; `writable` is for numbers",
            );
        }
        return;
    }
    if RESERVED.contains(&field.name.as_str()) {
        errors.error(
            &field.member,
            format_args!("`{}` is a word of the region, at the start of every context; name this field differently", field.name),
        );
    }
}

/// Whether a type is called `Region` or `RegionMut`.
fn is_region(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    path.path
        .segments
        .last()
        .is_some_and(|last| last.ident == "Region" || last.ident == "RegionMut")
}

/// The name of the generated context of a hook's function: `ExampleContext` for `example`.
pub fn generated_name(function: &Ident) -> Ident {
    let mut name = String::new();
    for part in plain(function).split('_').filter(|part| !part.is_empty()) {
        let mut letters = part.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.extend(letters);
    }
    name.push_str("Context");
    // A function called `_1` must not become a number.
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    Ident::new(&name, function.span())
}
