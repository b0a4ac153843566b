//! The built-in helpers (ids 1 to 18, and 31) as functions that machine code calls.
//!
//! `maps` and `channels` have those of maps, `numbers` clocks, random numbers and the hash of
//! `hash`, and `printf` messages, which `format` lays out. This file binds functions to a table of
//! prototypes. Abort has its place in `engine::abort`.

mod channels;
mod format;
mod hash;
mod maps;
mod numbers;
mod printf;
#[cfg(test)]
mod work;

use std::sync::Arc;

use jbpf_abi::helper as ids;
use jbpf_hooks::helper::HelperInfo;
use jbpf_verifier::types::HelperTable;
use thiserror::Error;

use crate::declared;
use crate::engine::abort;

pub(crate) use self::channels::notify_readers;
pub use self::printf::PRINTF_TARGET;

/// The function of each helper of a [`HelperTable`], and how it is called.
#[derive(Debug)]
pub struct HelperBindings {
    table: Arc<HelperTable>,
    /// By ascending id.
    targets: Vec<HelperTarget>,
}

/// One helper's entry point and calling convention.
///
/// The function is `extern "C"`, takes `args` u64 registers, then the thread's record if
/// `needs_thread`, then the codelet's environment if `needs_codelet`, and returns u64. Map
/// arguments are `*const Map`.
#[derive(Debug, Clone, Copy)]
pub struct HelperTarget {
    /// The helper's id.
    pub id: u32,
    /// Address of the function.
    pub address: usize,
    /// How many of r1 to r5 it takes.
    pub args: u8,
    /// Whether `*const ThreadRecord` follows.
    pub needs_thread: bool,
    /// Whether `*const CodeletEnvironment` follows.
    pub needs_codelet: bool,
    /// Whether it is the built-in helper of that id. An engine may do its work by itself.
    pub built_in: bool,
}

/// Why helpers cannot be bound to a table.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BindError {
    /// The table has a helper that is neither built in nor declared.
    #[error("helper {id} (`{name}`) is in the table, and no function is declared for it")]
    Missing {
        /// The helper's id.
        id: u32,
        /// Its name in the table.
        name: String,
    },
    /// The table lets codelets call a function with other arguments than it takes, or expect
    /// another result.
    #[error(
        "helper {id} (`{name}`) of the table is not the function of this name: its arguments, or its result, differ"
    )]
    Prototype {
        /// The helper's id.
        id: u32,
        /// Its name in the table.
        name: String,
    },
}

impl HelperBindings {
    /// The prototypes that codelets must have been verified against.
    #[must_use]
    pub fn table(&self) -> &Arc<HelperTable> {
        &self.table
    }

    /// The function of a helper; `None` for ids that the table does not have.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<HelperTarget> {
        self.targets
            .binary_search_by_key(&id, |target| target.id)
            .ok()
            .and_then(|at| self.targets.get(at))
            .copied()
    }
}

/// Finds the function of every helper in the table: the application's if it declares one for the
/// id, else the built-in one.
///
/// Codelets are verified against the table, and call the functions. So the table's prototype of a
/// helper must be the prototype that its function was made for.
///
/// # Errors
/// A helper of the table has no function, or one of another prototype.
pub fn bindings<'a>(
    table: Arc<HelperTable>,
    declared: impl IntoIterator<Item = &'a HelperInfo>,
) -> Result<HelperBindings, BindError> {
    let declared: Vec<&HelperInfo> = declared.into_iter().collect();
    let ours = HelperTable::builtin();
    let targets = table
        .iter()
        .map(|proto| {
            let (id, name) = (proto.id, || proto.name.clone());
            let own = declared.iter().find(|info| info.id == id);
            let (target, made_for) = own
                .map(|info| (of_application(info), declared::prototype(info)))
                .or_else(|| built_in(id).zip(ours.get(id).cloned()))
                .ok_or_else(|| BindError::Missing { id, name: name() })?;
            if proto.same_shape(&made_for) {
                Ok(target)
            } else {
                Err(BindError::Prototype { id, name: name() })
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    prepare();
    Ok(HelperBindings { table, targets })
}

/// Prepares clock, random numbers and messages once in a process, so that no hook call does it.
fn prepare() {
    crate::clock::refine();
    numbers::prepare();
    printf::is_wanted();
}

/// A shim takes all five registers, whatever its helper uses of them.
fn of_application(info: &HelperInfo) -> HelperTarget {
    HelperTarget {
        id: info.id,
        address: info.shim() as usize,
        args: 5,
        needs_thread: false,
        needs_codelet: false,
        built_in: false,
    }
}

/// The built-in helper of an id.
fn built_in(id: u32) -> Option<HelperTarget> {
    let target = |args, address: *const ()| HelperTarget {
        id,
        address: address.addr(),
        args,
        needs_thread: false,
        needs_codelet: false,
        built_in: true,
    };
    let with_thread = |args, address| HelperTarget {
        needs_thread: true,
        ..target(args, address)
    };
    let with_codelet = |args, address| HelperTarget {
        needs_codelet: true,
        ..target(args, address)
    };
    Some(match id {
        ids::MAP_LOOKUP_ELEM => with_thread(2, maps::lookup as *const ()),
        ids::MAP_LOOKUP_RESET_ELEM => with_thread(2, maps::lookup_reset as *const ()),
        ids::MAP_UPDATE_ELEM => with_thread(3, maps::update as *const ()),
        ids::MAP_DELETE_ELEM => with_thread(2, maps::delete as *const ()),
        ids::MAP_CLEAR => with_thread(1, maps::clear as *const ()),
        ids::MAP_DUMP => with_thread(3, maps::dump as *const ()),
        ids::TIME_GET_NS => target(0, numbers::time_get_ns as *const ()),
        ids::GET_SYS_TIME => target(0, numbers::get_sys_time as *const ()),
        ids::GET_SYS_TIME_DIFF_NS => target(2, numbers::get_sys_time_diff_ns as *const ()),
        ids::HASH => target(2, numbers::hash as *const ()),
        ids::PRINTF => with_codelet(5, printf::printf as *const ()),
        ids::RINGBUF_OUTPUT => with_thread(3, channels::ringbuf_output as *const ()),
        ids::MARK_RUNTIME_INIT => with_thread(0, numbers::mark_runtime_init as *const ()),
        ids::RUNTIME_LIMIT_EXCEEDED => HelperTarget {
            needs_codelet: true,
            ..with_thread(0, numbers::runtime_limit_exceeded as *const ())
        },
        ids::RAND => with_thread(0, numbers::rand as *const ()),
        ids::CONTROL_INPUT_RECEIVE => target(3, channels::control_input_receive as *const ()),
        ids::GET_OUTPUT_BUF => with_thread(1, channels::get_output_buf as *const ()),
        ids::SEND_OUTPUT => with_thread(1, channels::send_output as *const ()),
        ids::ABORT => target(1, abort::abort as *const ()),
        _ => return None,
    })
}
