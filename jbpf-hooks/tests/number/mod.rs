//! A hook that passes one number, as the macro would declare it, and how to fire it.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::ffi::c_void;

use jbpf_hooks::context::{ContextLayout, JbpfContext, RegionLayout};
use jbpf_hooks::hook::{Dispatch, Hook, HookInfo, HookKind};

/// A context without region, and with one number.
#[derive(Default)]
#[repr(C)]
pub struct Number {
    pub data: u64,
    pub data_end: u64,
    pub meta_data: u64,
    pub number: u64,
}

// SAFETY: four u64 in C layout, always initialised.
unsafe impl JbpfContext for Number {
    const CONTEXT: ContextLayout = ContextLayout {
        name: "Number",
        readable: 32,
        size: 32,
        region: RegionLayout::None,
        fields: &[],
    };
}

pub const fn hook() -> Hook {
    Hook::new(HookInfo {
        name: "number",
        kind: HookKind::Control,
        program_type: None,
        max_instructions: None,
        context: &Number::CONTEXT,
        module: module_path!(),
        file: file!(),
        line: line!(),
        docs: "",
    })
}

/// Fires a hook made by [`hook`], as the macro's wrapper does.
pub fn fire(hook: &Hook, number: u64) -> Option<u64> {
    if !hook.is_armed() {
        return None;
    }
    let mut context = Number {
        number,
        ..Number::default()
    };
    // SAFETY: the hook's layout is `Number`'s, which has no region.
    unsafe { hook.fire_control(&mut context) }
}

/// Attaches a function that lives as long as the process, does not unwind, and takes a [`Number`].
/// Each test has a hook of its own and attaches from one thread.
pub fn attach(hook: &Hook, dispatch: Dispatch) {
    // SAFETY: see above.
    unsafe { hook.attach(dispatch, std::ptr::null_mut()) };
}

/// The context that a dispatch function was given.
///
/// # Safety
///
/// `context` is the argument of a dispatch function attached to a hook made by [`hook`], which has
/// not returned.
pub unsafe fn number<'a>(context: *mut c_void) -> &'a mut Number {
    // SAFETY: such hooks fire with a `&mut Number`.
    unsafe { &mut *context.cast::<Number>() }
}
