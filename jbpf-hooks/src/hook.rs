//! Hooks: the places where codelets run, and the hot path through them.
//!
//! An idle hook is one load and one branch ([`Hook::is_armed`]). A call of an armed hook finds the
//! thread's record, marks it, loads the dispatch function again and calls it, and takes the mark
//! back: no lock, no allocation, no system call, no full fence (see [`crate::reclaim`]). Rare
//! cases (a thread's first call, nesting too deep) are out of line.
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

/// The function that a hook's pointer leads to. It runs every attached codelet, in priority order,
/// on one context, and returns the control hook's answer (0 for monitoring hooks). A control
/// hook's function may withhold its answer ([`ThreadRecord::withhold_answer`]): the call then
/// answers as if nothing was attached.
///
/// Only a thread that is inside a reader section of [`crate::reclaim`] may call it, with the
/// thread's own record. `hook` is the hook that fires.
pub type Dispatch = unsafe extern "C" fn(
    context: *mut c_void,
    thread: *const ThreadRecord,
    hook: *const Hook,
) -> u64;

/// Whether a hook's codelets observe or decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HookKind {
    /// Runs every attached codelet, and ignores their results.
    Monitoring,
    /// Takes one codelet. Its result is the hook's answer.
    Control,
}

/// The facts of a hook that are known at compile time.
#[derive(Debug)]
pub struct HookInfo {
    /// The name that load requests use. It is unique in the process.
    pub name: &'static str,
    /// Whether its codelets observe or decide.
    pub kind: HookKind,
    /// The program type that it declares, such as `jbpf_ran`. `None` admits codelets of generic
    /// and undeclared types.
    pub program_type: Option<&'static str>,
    /// The most instructions that one call of a codelet may execute. If it is `None`, the
    /// runtime's limit holds, or a million. Work of helpers counts as well, an instruction for
    /// eight bytes.
    pub max_instructions: Option<u64>,
    /// The context that codelets receive.
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
    /// For the use of the dispatch function: the interpreter finds its programs here.
    environment: AtomicPtr<c_void>,
    /// The number of calls skipped because hooks nested deeper than
    /// [`MAX_NESTING`](crate::reclaim::MAX_NESTING), or more often than
    /// [`MAX_NESTED_CALLS`](crate::reclaim::MAX_NESTED_CALLS), or because the thread could have no
    /// record.
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

    /// The facts of the hook that are known at compile time.
    #[must_use]
    pub const fn info(&self) -> &HookInfo {
        &self.info
    }

    /// The number of calls that ran no codelet although some were attached. They were nested
    /// deeper than [`MAX_NESTING`](reclaim::MAX_NESTING), or more often than
    /// [`MAX_NESTED_CALLS`](reclaim::MAX_NESTED_CALLS), or made when the thread could have no
    /// record (see [`crate::reclaim`]).
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// Whether anything is attached. An idle call does nothing else.
    #[inline(always)]
    #[must_use]
    pub fn is_armed(&self) -> bool {
        // Relaxed: this only decides whether to look closer.
        crate::ENABLED && !self.dispatch.load(Ordering::Relaxed).is_null()
    }

    /// Runs the codelets of a monitoring hook on `context`.
    ///
    /// # Safety
    ///
    /// `C::CONTEXT` is the layout in [`info`](Self::info), and `C` is laid out as it says. Until
    /// the call returns, `data..data_end` of `context` is memory that may be read, and written if
    /// the layout says so, and holds values as the layout's region says.
    #[inline]
    pub unsafe fn fire<C: JbpfContext>(&self, context: &mut C) {
        self.call::<false>(ptr::from_mut(context).cast());
    }

    /// Runs the codelet of a control hook on `context` and returns its answer. `None` if nothing
    /// ran, or if the codelet left without an answer.
    ///
    /// # Safety
    ///
    /// As for [`fire`](Self::fire).
    #[inline]
    pub unsafe fn fire_control<C: JbpfContext>(&self, context: &mut C) -> Option<u64> {
        self.call::<true>(ptr::from_mut(context).cast())
    }

    /// One armed call. The attached codelets were verified against a context of this layout.
    #[inline(always)]
    fn call<const ANSWERED: bool>(&self, context: *mut c_void) -> Option<u64> {
        let entered = reclaim::current().and_then(|record| record.enter(self.address()));
        match entered {
            Some(section) => self.dispatch::<ANSWERED>(&section, context),
            None => self.call_anyhow::<ANSWERED>(context),
        }
    }

    /// The number that stands for the hook in records.
    #[inline(always)]
    fn address(&self) -> u64 {
        ptr::from_ref(self).addr() as u64
    }

    /// Calls that need more: a thread's first one, those while it exits, nested ones, and all
    /// calls if readers fence.
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

    /// Calls the attached function, if there still is one. Only a control hook is `ANSWERED`, and
    /// looks at the result.
    #[inline(always)]
    fn dispatch<const ANSWERED: bool>(
        &self,
        section: &Section<'_>,
        context: *mut c_void,
    ) -> Option<u64> {
        // Acquire, paired with the Release of `attach`: the function's data are visible.
        let dispatch = self.dispatch.load(Ordering::Acquire);
        if dispatch.is_null() {
            return None;
        }
        // SAFETY: `attach` alone stores other values than null, and each is a `Dispatch`.
        let dispatch = unsafe { core::mem::transmute::<*mut c_void, Dispatch>(dispatch) };
        // SAFETY: the caller of `attach` keeps the function alive until readers that loaded it
        // inside a section have left, and vouches that it may be called with this hook's context;
        // the thread is inside, and the record is its own.
        let answer = unsafe { dispatch(context, section.record(), self) };
        if ANSWERED && section.record().take_withheld_answer() {
            return None;
        }
        Some(answer)
    }

    /// Makes calls run `dispatch` from now on, in place of the function attached before. Calls
    /// under way go on with the function that they found.
    ///
    /// A dispatch function that uses the [`environment`](Self::environment) may find this call's
    /// environment a moment before this call's function is attached. A null `environment` leaves
    /// the earlier one in place. So all functions attached to one hook that use it must agree on
    /// the type that it points at.
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

    /// Makes calls run nothing from now on. Calls under way go on with the function that they
    /// found: see [`synchronize`](reclaim::synchronize).
    pub fn detach(&self) {
        self.dispatch.store(ptr::null_mut(), Ordering::Release);
    }

    /// The last environment given to [`attach`](Self::attach) that was not null. It is for the
    /// dispatch function that was given with it.
    #[must_use]
    pub fn environment(&self) -> *mut c_void {
        self.environment.load(Ordering::Acquire)
    }
}
