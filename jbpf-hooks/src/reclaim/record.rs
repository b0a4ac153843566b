//! One thread's mark, and the reader's side of reclamation.

use super::atomics::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence, light_fence};
use super::{MAX_NESTED_CALLS, MAX_NESTING};

/// The bits of [`ThreadRecord::state`] that hold the nesting depth.
const DEPTH: u64 = 0x3f;
/// Set in [`ThreadRecord::state`] for good. A forked child finds it clear, because the kernel has
/// wiped the record.
const ALIVE: u64 = 0x40;
/// Set in [`ThreadRecord::state`] for good if this reader must fence, because there is no
/// `membarrier`.
const FENCES: u64 = 0x80;
/// Added to [`ThreadRecord::state`] when the outermost section is left.
const LEFT: u64 = 0x100;
const _: () = assert!(MAX_NESTING <= DEPTH && MAX_NESTING <= u32::BITS as u64);

/// 64-bit words of [`ThreadRecord::scratch`]: one for each nesting depth, and two more.
pub const SCRATCH_WORDS: usize = MAX_NESTING as usize + 2;

/// One thread's mark. It stays at its address for the life of the process. After the thread's
/// exit, it passes to the next new thread, with its [`slot`](ThreadRecord::slot) number.
///
/// Zeros are a record, too: a forked child finds its records so, because the kernel has wiped
/// their pages. Such a record lets nobody enter.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct ThreadRecord {
    /// Low 8 bits: [`DEPTH`], [`ALIVE`] and [`FENCES`]. If only [`ALIVE`] is set, a call may enter
    /// without a second look. The other bits count how often the thread left the outermost
    /// section. Only the owner stores to it.
    state: AtomicU64,
    /// Index of the thread's copy in per-thread maps. Read by machine code, constant.
    slot: u32,
    /// One bit for each nesting depth, the outermost call's first: whether the call answers as if
    /// nothing was attached. The caller takes the bit back, so that all are 0 between calls.
    withheld: core::sync::atomic::AtomicU32,
    /// The hook of the outermost section, stored before the mark. Stores of this word and of
    /// `inner` are Release: a writer that finds another hook than the one it waits for has seen
    /// the end of the section in that one.
    outer: AtomicU64,
    scratch: [core::sync::atomic::AtomicU64; SCRATCH_WORDS],
    /// Whether a thread owns the record.
    pub(super) taken: AtomicU32,
    /// The system's number of the owning thread, for people.
    thread: core::sync::atomic::AtomicU32,
    /// The record that was made before this one.
    pub(super) next: AtomicPtr<ThreadRecord>,
    /// The hooks of nested sections, from the second on.
    inner: [AtomicU64; MAX_NESTING as usize - 1],
    /// Which outermost section had nested ones last: its count in `state`, in the bits above
    /// [`NESTED`]. The bits below count the nested ones. Only the owner uses it.
    nested: core::sync::atomic::AtomicU64,
}

/// The bits of [`ThreadRecord::nested`] that count.
const NESTED: u64 = 0xffff;
const _: () = assert!(MAX_NESTED_CALLS < NESTED);

/// Stands for no hook. Hooks have their address.
pub(crate) const NO_HOOK: u64 = 0;

/// An offset in a record; checked when this crate is compiled.
const fn small(offset: usize) -> u16 {
    assert!(offset < size_of::<ThreadRecord>() && size_of::<ThreadRecord>() <= u16::MAX as usize);
    offset as u16
}

impl ThreadRecord {
    /// Offset of the slot number (a `u32`) in a record, for machine code.
    pub const SLOT_OFFSET: u16 = small(core::mem::offset_of!(ThreadRecord, slot));
    /// Offset of a u64 in a record, for machine code. The low half of that u64 is the word of its
    /// [`call`](Self::call).
    pub const CALL_OFFSET: u16 = small(core::mem::offset_of!(ThreadRecord, state));

    /// A record that a thread owns already. From here on it is [`ALIVE`].
    pub(super) fn new(slot: u32, fences: bool) -> Self {
        Self {
            state: AtomicU64::new(if fences { ALIVE | FENCES } else { ALIVE }),
            slot,
            withheld: core::sync::atomic::AtomicU32::new(0),
            outer: AtomicU64::new(NO_HOOK),
            scratch: [const { core::sync::atomic::AtomicU64::new(0) }; SCRATCH_WORDS],
            taken: AtomicU32::new(1),
            thread: core::sync::atomic::AtomicU32::new(0),
            next: AtomicPtr::new(core::ptr::null_mut()),
            inner: core::array::from_fn(|_| AtomicU64::new(NO_HOOK)),
            nested: core::sync::atomic::AtomicU64::new(0),
        }
    }

    /// The system's number of the thread that owns the record, or owned it last; 0 if it has none.
    pub(super) fn thread(&self) -> u32 {
        self.thread.load(Ordering::Relaxed)
    }

    /// The owner calls it when the record becomes its own.
    pub(super) fn set_thread(&self, thread: u32) {
        self.thread.store(thread, Ordering::Relaxed);
    }

    /// One of these hooks, by address, that the owner is inside.
    ///
    /// If a section began before the writer's barrier, its mark and its hook are seen here, unless
    /// it has ended. If it has ended, all that it did has happened before.
    pub(super) fn hook_among(&self, hooks: &[usize]) -> Option<usize> {
        let depth = (self.state.load(Ordering::Acquire) & DEPTH) as usize;
        let levels = core::iter::once(&self.outer).chain(&self.inner);
        let mut inside = levels
            .take(depth)
            .map(|hook| hook.load(Ordering::Acquire) as usize);
        inside.find(|hook| hooks.contains(hook))
    }

    /// Index of the owning thread's copy in per-thread maps: dense, below [`slots`](super::slots).
    /// No two threads that run codelets have the same one at a time.
    #[must_use]
    pub const fn slot(&self) -> u32 {
        self.slot
    }

    /// The hook call that the owning thread, the caller, is in.
    #[must_use]
    pub fn call(&self) -> HookCall {
        HookCall(self.state.load(Ordering::Relaxed) as u32)
    }

    /// Makes the hook call that the owning thread, the caller, is in answer as if nothing was
    /// attached. Dispatch functions of control hooks call it before they return.
    pub fn withhold_answer(&self) {
        let withheld = self.withheld.load(Ordering::Relaxed);
        // A signal's handler that fires hooks in between leaves the word as it finds it.
        self.withheld
            .store(withheld | self.bit_of_call(), Ordering::Relaxed);
    }

    /// Whether a dispatch function of this hook call withheld its answer. The caller of that
    /// function asks once.
    #[inline(always)]
    pub fn take_withheld_answer(&self) -> bool {
        self.withheld.load(Ordering::Relaxed) != 0 && self.take_withheld_bit()
    }

    #[cold]
    fn take_withheld_bit(&self) -> bool {
        let (withheld, bit) = (self.withheld.load(Ordering::Relaxed), self.bit_of_call());
        self.withheld.store(withheld & !bit, Ordering::Relaxed);
        withheld & bit != 0
    }

    /// The bit of the hook call that the owning thread is in, in [`withheld`](Self::withheld).
    fn bit_of_call(&self) -> u32 {
        let depth = self.state.load(Ordering::Relaxed) & DEPTH;
        1 << (depth.saturating_sub(1) % MAX_NESTING)
    }

    /// Words for the runtime's own use. Only the owning thread touches them. They are zero at
    /// first, and pass on with the slot.
    #[must_use]
    pub const fn scratch(&self) -> &[core::sync::atomic::AtomicU64; SCRATCH_WORDS] {
        &self.scratch
    }

    /// Marks the owning thread, the caller, as inside. All that it loads from here on stays alive
    /// until the section is dropped. `None` if the thread is inside already, has to fence, or was
    /// left behind by a fork: [`enter_anyhow`](Self::enter_anyhow) handles these. `hook` is the
    /// address of the hook that the thread is inside, 0 for none.
    #[inline(always)]
    pub(crate) fn enter(&self, hook: u64) -> Option<Section<'_>> {
        let outside = self.state.load(Ordering::Relaxed);
        if outside & (DEPTH | ALIVE | FENCES) != ALIVE {
            return None;
        }
        self.outer.store(hook, Ordering::Release);
        self.mark(outside + 1);
        light_fence();
        Some(Section {
            record: self,
            afterwards: outside.wrapping_add(LEFT),
        })
    }

    /// Like [`enter`](Self::enter), but nested, and with a fence if one is needed. `None` if the
    /// call is nested too deep, if it is one nested call too many, or in a forked child.
    pub(crate) fn enter_anyhow(&self, hook: u64) -> Option<Section<'_>> {
        let outside = self.state.load(Ordering::Relaxed);
        let depth = outside & DEPTH;
        if depth >= MAX_NESTING || outside & ALIVE == 0 {
            return None;
        }
        if depth != 0 && !self.may_nest(outside / LEFT) {
            return None;
        }
        let mut levels = core::iter::once(&self.outer).chain(&self.inner);
        levels.nth(depth as usize)?.store(hook, Ordering::Release);
        self.mark(outside + 1);
        if outside & FENCES == 0 {
            light_fence();
        } else {
            fence(Ordering::SeqCst);
        }
        Some(Section {
            record: self,
            afterwards: if depth == 0 {
                outside.wrapping_add(LEFT)
            } else {
                outside
            },
        })
    }

    /// Counts a call nested in the `outermost` section of the thread; false if that had as many as
    /// it may have. Without this limit, codelets that fire hooks by way of helpers could do the
    /// work of a codelet to the power of the depth.
    fn may_nest(&self, outermost: u64) -> bool {
        let outermost = outermost.wrapping_mul(NESTED + 1);
        let nested = self.nested.load(Ordering::Relaxed);
        let before = if nested & !NESTED == outermost {
            nested & NESTED
        } else {
            0
        };
        if before >= MAX_NESTED_CALLS {
            return false;
        }
        self.nested
            .store(outermost | (before + 1), Ordering::Relaxed);
        true
    }

    /// Stores the mark with Release, which costs nothing on x86-64. A writer that waits for an
    /// earlier section and sees this store instead has seen that section's end.
    #[inline(always)]
    fn mark(&self, state: u64) {
        self.state.store(state, Ordering::Release);
    }

    /// Whether the owning thread is inside a section.
    pub(super) fn is_inside(&self) -> bool {
        self.state.load(Ordering::Relaxed) & DEPTH != 0
    }

    /// The owner calls it when it leaves for good. Any depth that it had is void.
    pub(super) fn leave_for_good(&self) {
        let state = self.state.load(Ordering::Relaxed);
        if state & DEPTH != 0 {
            self.withheld.store(0, Ordering::Relaxed);
            self.state
                .store((state & !DEPTH).wrapping_add(LEFT), Ordering::Release);
        }
    }

    /// A snapshot of the owner's sections. A writer waits for the owner to leave it.
    pub(super) fn whereabouts(&self) -> Whereabouts {
        Whereabouts(self.state.load(Ordering::Acquire))
    }
}

/// The hook call that a thread is in, told apart from the calls around it. An object that a
/// codelet has in hand while a helper fires a hook does not belong to the inner codelet.
///
/// A word holds the depth of the call, and the low 24 bits of the number of outermost calls that
/// the thread has left. So a call and the calls inside it agree on these bits, always:
/// [`is_inside_of`](Self::is_inside_of) misses no call that goes on. Calls of one depth that
/// follow each other inside one outermost call have the same word, and words repeat after 2^24
/// outermost calls. An object that such an earlier call has left behind belongs to nobody. If it
/// is taken for that of an outer call, it is not available to this call; if it is taken for this
/// call's own, it is used, as what earlier calls left may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HookCall(u32);

impl HookCall {
    /// Stands for code that runs in no hook, and so is never inside another call.
    pub const NONE: Self = Self(1);

    /// The call of this word.
    #[must_use]
    pub const fn from_word(word: u32) -> Self {
        Self(word)
    }

    /// A number that no call around this one has, not 0.
    #[must_use]
    pub const fn word(self) -> u32 {
        self.0
    }

    /// The number of calls that the thread is in, this one included: 1 to [`MAX_NESTING`].
    #[must_use]
    pub const fn depth(self) -> u32 {
        self.0 & DEPTH as u32
    }

    /// Whether a codelet of `other` made this call, perhaps indirectly, and goes on after it.
    #[must_use]
    pub const fn is_inside_of(self, other: Self) -> bool {
        let (depth, outer) = (self.depth(), other.depth());
        self.0 / LEFT as u32 == other.0 / LEFT as u32 && outer != 0 && outer < depth
    }
}

/// A snapshot of a record's state.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whereabouts(u64);

impl Whereabouts {
    /// Whether it was taken inside a section.
    pub(super) fn inside(self) -> bool {
        self.0 & DEPTH != 0
    }

    /// Whether the outermost section of `earlier` has ended by now.
    pub(super) fn moved_on_from(self, earlier: Self) -> bool {
        self.0 / LEFT != earlier.0 / LEFT
    }
}

/// A thread's stay inside. It ends on drop, also during unwinding.
pub(crate) struct Section<'r> {
    record: &'r ThreadRecord,
    afterwards: u64,
}

impl Section<'_> {
    /// The record of the thread inside.
    #[inline(always)]
    pub(crate) fn record(&self) -> &ThreadRecord {
        self.record
    }
}

impl Drop for Section<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // Release: all that the section did happens before the actions of a writer that sees it
        // ended.
        self.record.state.store(self.afterwards, Ordering::Release);
    }
}
