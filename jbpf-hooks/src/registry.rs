//! All hooks, helpers and data linked into the process.
//!
//! Each `#[jbpf_hook]`, `#[jbpf_helper]` and `#[jbpf_data]` adds one entry to a slice that the
//! linker puts together. Entries in shared objects loaded at run time (`dlopen`) are not in it.

use core::fmt;

use crate::helper::HelperInfo;
use crate::hook::Hook;
use crate::layout::DataInfo;

/// Every hook of the process. The macros' expansions name it; use [`hooks`].
#[linkme::distributed_slice]
pub static JBPF_HOOKS_V1: [&'static Hook];

/// Every helper of the process. The macros' expansions name it; use [`helpers`].
#[linkme::distributed_slice]
pub static JBPF_HELPERS_V1: [&'static HelperInfo];

/// Every data type of the process. The macros' expansions name it; use [`data`].
#[linkme::distributed_slice]
pub static JBPF_DATA_V1: [&'static DataInfo];

/// Every hook of the process, in no particular order.
pub fn hooks() -> impl ExactSizeIterator<Item = &'static Hook> + Clone {
    JBPF_HOOKS_V1.static_slice().iter().copied()
}

/// The hook of this name.
#[must_use]
pub fn hook(name: &str) -> Option<&'static Hook> {
    hooks().find(|hook| hook.info().name == name)
}

/// Every helper that the application declares, in no particular order.
pub fn helpers() -> impl ExactSizeIterator<Item = &'static HelperInfo> + Clone {
    JBPF_HELPERS_V1.static_slice().iter().copied()
}

/// The application's helper of this id.
#[must_use]
pub fn helper(id: u32) -> Option<&'static HelperInfo> {
    helpers().find(|helper| helper.id == id)
}

/// Every type that the application lets codelets see, in no particular order: types that hooks
/// show, and types that only channels and maps hold.
pub fn data() -> impl ExactSizeIterator<Item = &'static DataInfo> + Clone {
    JBPF_DATA_V1.static_slice().iter().copied()
}

/// Two declarations that claim the same name or id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// The name or id that both claim.
    pub claim: Claim,
    /// The places of both, as `file:line`.
    pub locations: [String; 2],
}

/// Something that only one declaration of a process can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The name of a hook.
    HookName(&'static str),
    /// The name of a helper.
    HelperName(&'static str),
    /// The id of a helper.
    HelperId(u32),
}

impl fmt::Display for Duplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = &self.locations;
        match &self.claim {
            Claim::HookName(name) => write!(
                f,
                "two hooks are named `{name}`, at {first} and at {second}; name one of them differently with \
                 `#[jbpf_hook(name = \"...\")]`"
            ),
            Claim::HelperName(name) => write!(
                f,
                "two helpers are named `{name}`, at {first} and at {second}; name one of them differently with \
                 `#[jbpf_helper(name = \"...\")]`"
            ),
            Claim::HelperId(id) => write!(
                f,
                "two helpers have the id {id}, at {first} and at {second}; give one of them another of the ids \
                 32 to 63"
            ),
        }
    }
}

impl std::error::Error for Duplicate {}

/// The declarations of the process that claim the name or id of another one.
#[must_use]
pub fn duplicates() -> Vec<Duplicate> {
    duplicates_among(hooks(), helpers())
}

fn duplicates_among(
    hooks: impl Iterator<Item = &'static Hook>,
    helpers: impl Iterator<Item = &'static HelperInfo> + Clone,
) -> Vec<Duplicate> {
    let names = hooks.map(|hook| {
        let info = hook.info();
        (info.name, Location::new(info.file, info.line))
    });
    let helper_names = helpers
        .clone()
        .map(|info| (info.name, Location::new(info.file, info.line)));
    let helper_ids = helpers.map(|info| (info.id, Location::new(info.file, info.line)));

    let mut found = claimed_twice(names, Claim::HookName);
    found.extend(claimed_twice(helper_names, Claim::HelperName));
    found.extend(claimed_twice(helper_ids, Claim::HelperId));
    found
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Location {
    file: &'static str,
    line: u32,
}

impl Location {
    const fn new(file: &'static str, line: u32) -> Self {
        Self { file, line }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The declarations that claim something twice. They are sorted, so that the linker's order does
/// not show.
fn claimed_twice<T: Ord + Copy>(
    claims: impl Iterator<Item = (T, Location)>,
    claim: fn(T) -> Claim,
) -> Vec<Duplicate> {
    let mut claims: Vec<_> = claims.collect();
    claims.sort_unstable();
    claims
        .windows(2)
        .filter_map(|pair| match pair {
            [(first, at), (second, also_at)] if first == second => Some(Duplicate {
                claim: claim(*first),
                locations: [at.to_string(), also_at.to_string()],
            }),
            _ => None,
        })
        .collect()
}
