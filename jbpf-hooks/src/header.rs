//! The C header that codelet authors include: contexts, data structs and declared helpers.
//!
//! [`codelet_header`] describes what is linked into the process:
//!
//! * The context of hook `example` is `struct example_ctx`: every hook has its own, named after
//!   it, with `_` in place of characters that C names cannot have.
//! * A Rust struct `Packet` is `Packet`, and `struct Packet`. Bytes marked `#[jbpf(text)]` are
//!   `char`.
//! * Padding of a context has a name (`_padding28`), and codelets must not read it.
//! * A helper of the application is a function of its own name.
//! * Sizes and offsets are asserted, so that a compiler that disagrees with Rust says so.
//!
//! Data that no hook and no helper shows, such as the records of channels, comes last.
//!
//! Names that C reserves get a `_` at their end. Fields without names are `_0`, `_1`, ... If two
//! different structs have one name, the header becomes an `#error` that names both. If hooks and
//! helpers need neither struct, both are left out, and a comment says so.
//!
//! The header leaves out the built-in hooks of the runtime: `jbpf_defs.h` and `jbpf_perf_ext.h`
//! describe them. It leaves out replaced built-in helpers, which codelets call by the names in
//! `jbpf_helper.h`.

use core::fmt::{self, Write as _};
use std::collections::BTreeMap;

use c::{declaration, field_declaration, identifier, member, natural_alignment, parameter, scalar};

use crate::context::{ContextLayout, FIRST_FIELD_OFFSET, RegionLayout};
use crate::helper::{APPLICATION_IDS, HelperArgument, HelperInfo, HelperReturn};
use crate::hook::HookInfo;
use crate::layout::{DataInfo, DataLayout, JbpfData, Type};
use crate::registry;

mod c;

/// The header of all hooks, helpers and data linked into the process. Each build of the same
/// declarations gives the same text.
#[must_use]
pub fn codelet_header() -> String {
    CodeletHeader::linked().to_string()
}

/// A header in the making: displays as its text.
#[derive(Debug, Clone, Default)]
pub struct CodeletHeader {
    names: BTreeMap<String, Named>,
    declarations: Vec<Declaration>,
}

/// The meaning that a name has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Data(&'static DataLayout),
    Context(&'static ContextLayout),
    Helper(u32),
}

#[derive(Debug, Clone)]
enum Declaration {
    Data(&'static DataLayout),
    Context {
        name: String,
        hook: &'static HookInfo,
    },
    Helper(&'static HelperInfo),
    /// Data with a name that would mean two things. Nothing else here needs the data.
    LeftOut(String),
    /// Two declarations claim one name.
    Conflict(String),
}

impl CodeletHeader {
    /// A header without declarations.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The header of all hooks, helpers and data linked into the process.
    #[must_use]
    pub fn linked() -> Self {
        let mut hooks: Vec<&HookInfo> = registry::hooks()
            .map(crate::Hook::info)
            .filter(|hook| !is_built_in(hook.module))
            .collect();
        hooks.sort_by_key(|hook| hook.name);
        let mut helpers: Vec<&HelperInfo> = registry::helpers().collect();
        helpers.sort_by_key(|helper| (helper.id, helper.name));

        let mut header = Self::new();
        for hook in hooks {
            header = header.hook(hook);
        }
        for helper in helpers {
            header = header.helper(helper);
        }
        let data = registry::data().filter(|data| !is_built_in(data.module));
        header.declared(data.collect())
    }

    /// Adds data that may show nowhere else, unless one of its names stands for something else as
    /// well.
    fn declared(mut self, mut data: Vec<&'static DataInfo>) -> Self {
        data.sort_by_key(|data| (data.layout.name, data.module));
        let mut meanings: BTreeMap<String, Vec<&DataInfo>> = BTreeMap::new();
        for data in &data {
            let same = meanings.entry(identifier(data.layout.name)).or_default();
            if same.iter().all(|other| other.layout != data.layout) {
                same.push(data);
            }
        }
        for data in data {
            match self.ambiguity(data.layout, &meanings) {
                None => self.add_struct(data.layout),
                Some(sentence) => {
                    let sentence = format!(
                        "Left out: {}::{}, as {sentence}",
                        data.module, data.layout.name
                    );
                    self.declarations.push(Declaration::LeftOut(sentence));
                }
            }
        }
        self
    }

    /// The name in a struct that would stand for something else, too.
    fn ambiguity(
        &self,
        layout: &'static DataLayout,
        meanings: &BTreeMap<String, Vec<&DataInfo>>,
    ) -> Option<String> {
        if self.holds(layout) {
            return None;
        }
        let name = identifier(layout.name);
        if let Some(named) = self.names.get(&name) {
            return Some(format!("{named} is named {name} already"));
        }
        if let Some([one, other, ..]) = meanings.get(&name).map(Vec::as_slice) {
            let (one, other) = (one.module, other.module);
            return Some(format!("{one} and {other} have each a {name} of their own"));
        }
        let mut structs = layout
            .fields
            .iter()
            .filter_map(|field| struct_in(&field.ty));
        structs.find_map(|layout| self.ambiguity(layout, meanings))
    }

    fn holds(&self, layout: &'static DataLayout) -> bool {
        self.names.get(&identifier(layout.name)) == Some(&Named::Data(layout))
    }

    /// Adds a struct that no hook shows, such as the records of an input channel.
    #[must_use]
    pub fn data<T: JbpfData>(mut self) -> Self {
        self.add_struct(const { &T::LAYOUT });
        self
    }

    /// Adds the context of a hook, and the structs in its region.
    #[must_use]
    pub fn hook(mut self, hook: &'static HookInfo) -> Self {
        if let Some(layout) = hook.context.region.data_layout() {
            self.add_struct(layout);
        } else if let RegionLayout::Value { ty, .. } | RegionLayout::Slice { element: ty, .. } =
            &hook.context.region
        {
            self.add_type(ty);
        }
        let name = format!("{}_ctx", identifier(hook.name));
        let declaration = Declaration::Context {
            name: name.clone(),
            hook,
        };
        self.add(name, Named::Context(hook.context), declaration);
        self
    }

    /// Adds a helper of the application, and the structs that it takes. Replaced built-in helpers
    /// add nothing.
    #[must_use]
    pub fn helper(mut self, helper: &'static HelperInfo) -> Self {
        if !APPLICATION_IDS.contains(&helper.id) {
            return self;
        }
        for argument in helper.arguments {
            if let HelperArgument::Readable { ty, .. } | HelperArgument::Writable { ty, .. } =
                argument
            {
                self.add_type(ty);
            }
        }
        self.add(
            identifier(helper.name),
            Named::Helper(helper.id),
            Declaration::Helper(helper),
        );
        self
    }

    fn add_type(&mut self, ty: &Type) {
        if let Some(layout) = struct_in(ty) {
            self.add_struct(layout);
        }
    }

    /// Adds a struct, after the structs that it is made of.
    fn add_struct(&mut self, layout: &'static DataLayout) {
        for field in layout.fields {
            self.add_type(&field.ty);
        }
        self.add(
            identifier(layout.name),
            Named::Data(layout),
            Declaration::Data(layout),
        );
    }

    fn add(&mut self, name: String, named: Named, declaration: Declaration) {
        match self.names.get(&name) {
            // Two hooks may show the same data. Only contexts and helpers belong to one hook or
            // one id.
            Some(earlier) if *earlier == named && matches!(named, Named::Data(_)) => {}
            Some(earlier) => {
                let sentence = format!("{earlier} and {named} would both be named {name} in C");
                self.declarations.push(Declaration::Conflict(sentence));
            }
            None => {
                self.names.insert(name, named);
                self.declarations.push(declaration);
            }
        }
    }
}

/// The struct that a type consists of.
fn struct_in(ty: &Type) -> Option<&'static DataLayout> {
    match ty {
        Type::Scalar(_) => None,
        Type::Array { element, .. } => struct_in(element),
        Type::Struct(layout) => Some(layout),
    }
}

/// Whether the runtime itself declares it.
fn is_built_in(module: &str) -> bool {
    module.split("::").next() == Some("jbpf_core")
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(layout) => write!(
                f,
                "the struct {} ({} bytes, {} fields)",
                layout.name,
                layout.size,
                layout.fields.len()
            ),
            Self::Context(layout) => write!(f, "the context {}", layout.name),
            Self::Helper(id) => write!(f, "helper {id}"),
        }
    }
}

impl fmt::Display for CodeletHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "/* Written by jbpf::codelet_header(); do not edit. */\n\
             #ifndef JBPF_HOOKS_H\n\
             #define JBPF_HOOKS_H\n\n\
             #include \"stdbool.h\"\n\
             #include \"stddef.h\"\n\
             #include \"stdint.h\"\n",
        )?;
        for declaration in &self.declarations {
            f.write_char('\n')?;
            match declaration {
                Declaration::Data(layout) => write_struct(f, layout)?,
                Declaration::Context { name, hook } => write_context(f, name, hook)?,
                Declaration::Helper(helper) => write_helper(f, helper)?,
                Declaration::LeftOut(sentence) => write_comment(f, "", sentence)?,
                Declaration::Conflict(sentence) => writeln!(f, "#error \"{sentence}\"")?,
            }
        }
        f.write_str("\n#endif\n")
    }
}

fn write_struct(f: &mut fmt::Formatter<'_>, layout: &DataLayout) -> fmt::Result {
    let name = identifier(layout.name);
    write_comment(f, "", layout.docs)?;
    writeln!(f, "typedef struct {name} {{")?;
    for field in layout.fields {
        writeln!(f, "    {};", field_declaration(field))?;
    }
    f.write_char('}')?;
    if layout.align > natural_alignment(layout) {
        write!(f, " __attribute__((aligned({})))", layout.align)?;
    }
    writeln!(f, " {name};")?;
    assert_size(f, &name, layout.size)?;
    for field in layout.fields {
        assert_offset(f, &name, &member(field.name), field.offset)?;
    }
    Ok(())
}

fn write_context(f: &mut fmt::Formatter<'_>, name: &str, hook: &HookInfo) -> fmt::Result {
    let context = hook.context;
    let title = format!("What the codelets of hook {} are given.", hook.name);
    write_comment(f, &title, hook.docs)?;
    writeln!(f, "struct {name} {{")?;
    writeln!(f, "    uint64_t data; /* {} */", region(&context.region))?;
    f.write_str("    uint64_t data_end;\n    uint64_t meta_data;\n")?;
    let mut end = FIRST_FIELD_OFFSET;
    for field in context.fields {
        write_padding(f, end, field.offset)?;
        let rights = if field.writable {
            " /* writable */"
        } else {
            ""
        };
        writeln!(
            f,
            "    {} {};{rights}",
            scalar(field.scalar),
            member(field.name)
        )?;
        end = field.offset + field.scalar.size();
    }
    write_padding(f, end, context.size)?;
    f.write_str("};\n")?;
    let name = format!("struct {name}");
    assert_size(f, &name, context.size)?;
    for field in context.fields {
        assert_offset(f, &name, &member(field.name), field.offset)?;
    }
    Ok(())
}

fn write_helper(f: &mut fmt::Formatter<'_>, helper: &HelperInfo) -> fmt::Result {
    write_comment(f, "", helper.docs)?;
    let returns = match helper.returns {
        HelperReturn::Unit => "void",
        HelperReturn::U64 => "uint64_t",
        HelperReturn::I32 => "int32_t",
    };
    let parameters: Vec<String> = helper
        .argument_names
        .iter()
        .zip(helper.arguments)
        .map(|(name, argument)| parameter(&member(name), argument))
        .collect();
    let parameters = if parameters.is_empty() {
        "void".to_owned()
    } else {
        parameters.join(", ")
    };
    writeln!(
        f,
        "__attribute__((unused)) static {returns} (*{})({parameters}) = (void *){};",
        identifier(helper.name),
        helper.id
    )
}

fn region(region: &RegionLayout) -> String {
    let rights = if region.writable() {
        "writable"
    } else {
        "read-only"
    };
    match region {
        RegionLayout::None => "none: equals data_end".to_owned(),
        RegionLayout::Value { ty, .. } => format!(
            "{}, {rights}",
            declaration("", ty).trim_end().replace(" [", "[")
        ),
        RegionLayout::Slice { element, .. } => format!(
            "any number of {}, {rights}: compare with data_end, and bound loops by a constant",
            declaration("", element).trim_end().replace(" [", "[")
        ),
    }
}

fn write_padding(f: &mut fmt::Formatter<'_>, from: usize, to: usize) -> fmt::Result {
    match to.checked_sub(from) {
        Some(0) | None => Ok(()),
        Some(bytes) => writeln!(f, "    uint8_t _padding{from}[{bytes}];"),
    }
}

fn assert_size(f: &mut fmt::Formatter<'_>, name: &str, size: usize) -> fmt::Result {
    writeln!(
        f,
        "_Static_assert(sizeof({name}) == {size}, \"size of {name}\");"
    )
}

fn assert_offset(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    member: &str,
    offset: usize,
) -> fmt::Result {
    writeln!(
        f,
        "_Static_assert(offsetof({name}, {member}) == {offset}, \"offset of {name}.{member}\");"
    )
}

/// Writes a comment of one line or many, unless it is empty.
fn write_comment(f: &mut fmt::Formatter<'_>, title: &str, docs: &str) -> fmt::Result {
    let docs = docs.replace("*/", "* /").replace("/*", "/ *");
    let lines: Vec<&str> = title.lines().chain(docs.lines()).collect();
    match lines.as_slice() {
        [] => Ok(()),
        [line] => writeln!(f, "/* {line} */"),
        lines => {
            f.write_str("/*\n")?;
            for line in lines {
                writeln!(f, "{}", format!(" * {line}").trim_end())?;
            }
            f.write_str(" */\n")
        }
    }
}
