//! Hooks: the places where codelets run, and the hot path through them.
//!
//! Idle, a hook is one load and one branch ([`Hook::is_armed`]). Armed, a call finds the thread's
//! record, marks it, loads the dispatch function again and calls it, and takes the mark back: no
//! lock, no allocation, no system call, no full fence (see [`crate::reclaim`]). Whatever is rare (a
//! thread's first call, nesting too deep) is out of line.
#![allow(
    unsafe_code,
    reason = "calls machine code through a pointer that reclamation keeps alive; each block proves itself"
)]

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::Ordering;

use crate::context::{ContextLayout, JbpfContext};
use crate::reclaim::{
    self, ModelledPtr as AtomicPtr, ModelledU64 as AtomicU64, Section, ThreadRecord,
};

/// The function that a hook's pointer leads to: runs every attached codelet, in priority order, on
/// one context, and returns the control hook's answer (0 for monitoring hooks). A control hook's may withhold
/// its answer ([`ThreadRecord::withhold_answer`]): the call then answers as if nothing was attached.
///
/// It may be called only by a thread that is inside a reader section of [`crate::reclaim`], whose
/// record it is given. `hook` is the hook that fires.
pub type Dispatch = unsafe extern "C" fn(
    context: *mut c_void,
    thread: *const ThreadRecord,
    hook: *const Hook,
) -> u64;

/// Whether a hook's codelets observe or decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HookKind {
    /// Runs every attached codelet; what they return is ignored.
    Monitoring,
    /// Takes one codelet; what it returns is the hook's answer.
    Control,
}

/// What is known of a hook at compile time.
#[derive(Debug)]
pub struct HookInfo {
    /// The name that load requests use; unique in the process.
    pub name: &'static str,
    /// Whether its codelets observe or decide.
    pub kind: HookKind,
    /// The program type it declares, such as `jbpf_ran`; `None`: codelets of generic and undeclared types.
    pub program_type: Option<&'static str>,
    /// The most instructions that one call of a codelet may execute; `None`: what the runtime says, or a million. What helpers
    /// do with sizes counts as well, an instruction for eight bytes.
    pub max_instructions: Option<u64>,
    /// What codelets receive.
    pub context: &'static ContextLayout,
    /// `module_path!()` of the declaration.
    pub module: &'static str,
    /// `file!()` of the declaration.
    pub file: &'static str,
    /// `line!()` of the declaration.
    pub line: u32,
    /// The function's doc comment, lines joined by newlines.
    pub docs: &'static str,
}

/// A place in the application where codelets may run. One `static` for each
/// [`#[jbpf_hook]`](crate::jbpf_hook).
#[derive(Debug)]
#[repr(C)]
pub struct Hook {
    /// Null while nothing is attached. The only word that an idle call reads.
    dispatch: AtomicPtr<c_void>,
    /// For the dispatch function's use: the interpreter finds its programs here.
    environment: AtomicPtr<c_void>,
    /// Calls skipped because hooks nested deeper than [`MAX_NESTING`](crate::reclaim::MAX_NESTING).
    skipped: AtomicU64,
    info: HookInfo,
}

impl Hook {
    /// A hook with nothing attached.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new(info: HookInfo) -> Self {
        Self {
            dispatch: AtomicPtr::new(ptr::null_mut()),
            environment: AtomicPtr::new(ptr::null_mut()),
            skipped: AtomicU64::new(0),
            info,
        }
    }

    /// A hook with nothing attached.
    #[cfg(loom)]
    #[must_use]
    pub fn new(info: HookInfo) -> Self {
        Self {
            dispatch: AtomicPtr::new(ptr::null_mut()),
            environment: AtomicPtr::new(ptr::null_mut()),
            skipped: AtomicU64::new(0),
            info,
        }
    }

    /// What is known of the hook at compile time.
    #[must_use]
    pub const fn info(&self) -> &HookInfo {
        &self.info
    }

    /// Calls that ran no codelet although some were attached: nested deeper than
    /// [`MAX_NESTING`](reclaim::MAX_NESTING), or made where a thread could have no record (see
    /// [`crate::reclaim`]).
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// Whether anything is attached. All that an idle call does.
    #[inline(always)]
    #[must_use]
    pub fn is_armed(&self) -> bool {
        // Relaxed: this only decides whether to look closer.
        crate::ENABLED && !self.dispatch.load(Ordering::Relaxed).is_null()
    }

    /// Runs what is attached to a monitoring hook on `context`.
    ///
    /// # Safety
    ///
    /// `C::CONTEXT` is the layout in [`info`](Self::info), `C` is laid out as it says, and until the
    /// call returns, `data..data_end` of `context` is memory that may be read, written if the
    /// layout says so, and holds what the layout's region says.
    #[inline]
    pub unsafe fn fire<C: JbpfContext>(&self, context: &mut C) {
        self.call::<false>(ptr::from_mut(context).cast());
    }

    /// Runs what is attached to a control hook on `context` and returns its answer; `None` when
    /// nothing ran, or when the codelet left without an answer.
    ///
    /// # Safety
    ///
    /// As for [`fire`](Self::fire).
    #[inline]
    pub unsafe fn fire_control<C: JbpfContext>(&self, context: &mut C) -> Option<u64> {
        self.call::<true>(ptr::from_mut(context).cast())
    }

    /// One armed call, on a context that is what attached codelets were verified against.
    #[inline(always)]
    fn call<const ANSWERED: bool>(&self, context: *mut c_void) -> Option<u64> {
        let entered = reclaim::current().and_then(|record| record.enter(self.address()));
        match entered {
            Some(section) => self.dispatch::<ANSWERED>(&section, context),
            None => self.call_anyhow::<ANSWERED>(context),
        }
    }

    /// What stands for it in records.
    #[inline(always)]
    fn address(&self) -> u64 {
        ptr::from_ref(self).addr() as u64
    }

    /// Calls that need more: a thread's first one, those while it exits, nested ones, and all where
    /// readers fence.
    #[cold]
    #[inline(never)]
    fn call_anyhow<const ANSWERED: bool>(&self, context: *mut c_void) -> Option<u64> {
        let _until_return = match reclaim::current() {
            Some(_) => None,
            None => reclaim::occupy(),
        };
        let entered = reclaim::current().and_then(|record| record.enter_anyhow(self.address()));
        match entered {
            Some(section) => self.dispatch::<ANSWERED>(&section, context),
            None => {
                self.skipped.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    /// Calls what is attached, if it still is. Its result is looked at if the hook is `ANSWERED`: a control hook.
    #[inline(always)]
    fn dispatch<const ANSWERED: bool>(
        &self,
        section: &Section<'_>,
        context: *mut c_void,
    ) -> Option<u64> {
        // Acquire, to the Release of `attach`: what the function needs is there.
        let dispatch = self.dispatch.load(Ordering::Acquire);
        if dispatch.is_null() {
            return None;
        }
        // SAFETY: `attach` alone stores other values than null, and each is a `Dispatch`.
        let dispatch = unsafe { core::mem::transmute::<*mut c_void, Dispatch>(dispatch) };
        // SAFETY: the caller of `attach` keeps the function alive until readers that loaded it inside
        // a section have left, and vouches that it may be called with this hook's context; the thread
        // is inside, and the record is its own.
        let answer = unsafe { dispatch(context, section.record(), self) };
        if ANSWERED && section.record().take_withheld_answer() {
            return None;
        }
        Some(answer)
    }

    /// Makes calls run `dispatch` from now on, instead of what was attached before. Calls that are
    /// under way go on with what they found.
    ///
    /// A dispatch function that uses the [`environment`](Self::environment) may find the one of this
    /// call a moment before it is attached, and leaves it alone when `environment` is null: so all
    /// functions attached to one hook that use it must agree on what it points at.
    ///
    /// # Safety
    ///
    /// * `dispatch` may be called with contexts of this hook's layout on any thread and does not
    ///   unwind.
    /// * It, and what `environment` points at, stay alive until another call of `attach` (for the
    ///   environment: with one that is not null) or [`detach`](Self::detach) and, after that, a
    ///   [`synchronize`](reclaim::synchronize) that returned `Ok`.
    /// * Calls of `attach` and `detach` on one hook do not overlap.
    pub unsafe fn attach(&self, dispatch: Dispatch, environment: *mut c_void) {
        reclaim::prepare_process();
        if !environment.is_null() {
            self.environment.store(environment, Ordering::Release);
        }
        self.dispatch
            .store(dispatch as *mut c_void, Ordering::Release);
    }

    /// Makes calls run nothing from now on. Calls that are under way go on with what they found:
    /// see [`synchronize`](reclaim::synchronize).
    pub fn detach(&self) {
        self.dispatch.store(ptr::null_mut(), Ordering::Release);
    }

    /// What was given to [`attach`](Self::attach) last that was not null; for the dispatch function
    /// that was given with it.
    #[must_use]
    pub fn environment(&self) -> *mut c_void {
        self.environment.load(Ordering::Acquire)
    }
}
