//! Running codelets outside of a hook: in tests, and from the command.
#![expect(
    unsafe_code,
    reason = "calls dispatch functions on contexts that it has built"
)]

use std::ffi::c_void;
use std::ptr;

use jbpf_hooks::reclaim::{self, ThreadRecord};
use jbpf_verifier::types::{ContextDef, EntryKind};

use super::{BoundCodelet, CompiledHook};

/// The input of a codelet that runs without a hook.
#[derive(Debug)]
pub struct Input<'a> {
    /// The context's bytes from `meta_data` (offset 16) on; a shorter slice is filled up with
    /// zeros. The codelet's stores are written back.
    pub fields: &'a mut [u8],
    /// The data region.
    pub region: &'a mut [u8],
}

/// Why an [`Input`] does not fit a context.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The region is too small, or larger than the context allows.
    #[error("context `{context}` has a region of {expected} bytes, but {given} were given")]
    RegionSize {
        /// The context.
        context: String,
        /// Bytes of its region.
        expected: u64,
        /// Bytes given.
        given: usize,
    },
    /// The region is not aligned as the context promises.
    #[error("the region of context `{context}` must be aligned to {align} bytes")]
    RegionAlignment {
        /// The context.
        context: String,
        /// Alignment in bytes.
        align: u64,
    },
    /// There are more fields than the context has.
    #[error("context `{context}` has {expected} bytes of fields, but {given} were given")]
    Fields {
        /// The context.
        context: String,
        /// Bytes from offset 16 on.
        expected: usize,
        /// Bytes given.
        given: usize,
    },
    /// The context is larger than any that is made here.
    #[error(
        "context `{context}` has {readable} bytes, and at most {MAX_CONTEXT} are made outside of hooks"
    )]
    ContextSize {
        /// The context.
        context: String,
        /// Bytes that its definition says may be read.
        readable: u32,
    },
    /// The codelets were not all verified against one context.
    #[error("codelet `{codelet}` was verified against another context than `{context}`")]
    Context {
        /// The first codelet that differs.
        codelet: String,
        /// The context of the others.
        context: String,
    },
    /// The calling thread can run no codelet now: it is exiting, or hooks nest too deep.
    #[error("this thread cannot run codelets: it is exiting, or hooks nest too deep")]
    Thread,
}

/// Offset of `meta_data`, the first field.
const FIELDS: usize = 16;

/// Bytes of a context, at most: a definition is anybody's, and this much memory is made for one.
const MAX_CONTEXT: u32 = 1 << 20;

impl Input<'_> {
    /// Gives `run` a context of that definition around this input, and the thread's record.
    pub(super) fn enter<R>(
        &mut self,
        context: &ContextDef,
        run: impl FnOnce(*mut u8, &ThreadRecord) -> R,
    ) -> Result<R, InputError> {
        self.check(context)?;
        // A region without bytes may have any address. This is the address that hooks give to such
        // a region.
        let start = match self.region.is_empty() {
            true => ptr::without_provenance_mut(usize::try_from(context.region.align).unwrap_or(1)),
            false => self.region.as_mut_ptr(),
        };
        if context.entry == EntryKind::Memory {
            return reclaim::with_record(|thread| run(start, thread)).ok_or(InputError::Thread);
        }
        let size = fields_end(context);
        // Words, so that it is aligned; behind the words for `data` and `data_end`, the fields.
        let mut words = vec![0u64; size.div_ceil(8).max(3)];
        let mut bytes = vec![0u8; words.len() * 8 - FIELDS];
        for (byte, given) in bytes.iter_mut().zip(&*self.fields) {
            *byte = *given;
        }
        let head = [start as u64, start as u64 + self.region.len() as u64];
        let fields = bytes.chunks_exact(8).map(native_word);
        for (word, value) in words.iter_mut().zip(head.into_iter().chain(fields)) {
            *word = value;
        }
        let pointer = words.as_mut_ptr().cast::<u8>();
        let result = reclaim::with_record(|thread| run(pointer, thread));
        let stored = words.iter().skip(2).flat_map(|word| word.to_ne_bytes());
        for (byte, value) in self.fields.iter_mut().zip(stored) {
            *byte = value;
        }
        result.ok_or(InputError::Thread)
    }

    /// Whether the input fits a context.
    ///
    /// # Errors
    /// The region has another size or alignment than the context promises, or there are more
    /// fields than it has.
    pub fn check(&self, context: &ContextDef) -> Result<(), InputError> {
        if context.readable > MAX_CONTEXT {
            return Err(InputError::ContextSize {
                context: context.name.clone(),
                readable: context.readable,
            });
        }
        let region = &context.region;
        let given = self.region.len() as u64;
        if given < region.known_size || given > region.known_size && !region.sized_by_end {
            return Err(InputError::RegionSize {
                context: context.name.clone(),
                expected: region.known_size,
                given: self.region.len(),
            });
        }
        // The verifier takes an alignment for a power of two.
        let aligned = region.align.is_power_of_two()
            && (self.region.as_ptr() as u64).is_multiple_of(region.align);
        if given > 0 && !aligned {
            return Err(InputError::RegionAlignment {
                context: context.name.clone(),
                align: region.align,
            });
        }
        let expected = fields_end(context).saturating_sub(FIELDS);
        if self.fields.len() > expected {
            return Err(InputError::Fields {
                context: context.name.clone(),
                expected,
                given: self.fields.len(),
            });
        }
        Ok(())
    }
}

/// Bytes of a context, whole words.
fn fields_end(context: &ContextDef) -> usize {
    (context.readable as usize).next_multiple_of(8)
}

fn native_word(bytes: &[u8]) -> u64 {
    bytes.try_into().map(u64::from_ne_bytes).unwrap_or_default()
}

impl CompiledHook {
    /// Calls the dispatch function once, outside of any hook. Returns the answer of the hook, or 0
    /// if the hook would answer nothing.
    ///
    /// # Errors
    /// The input does not fit the context that the codelets were verified against.
    pub fn call(&self, input: &mut Input<'_>) -> Result<u64, InputError> {
        Ok(self.answer(input)?.unwrap_or_default())
    }

    /// Calls the dispatch function once, outside of any hook, and returns the answer of the hook.
    /// `None`: a control hook's codelet left its call, and the hook would answer as if nothing was
    /// attached.
    ///
    /// # Errors
    /// The input does not fit the context that the codelets were verified against.
    pub fn answer(&self, input: &mut Input<'_>) -> Result<Option<u64>, InputError> {
        let codelets = self.codelets();
        let Some(first) = codelets.first() else {
            return Ok(Some(0));
        };
        let context = first.program().context();
        if let Some(other) = codelets.iter().find(|c| c.program().context() != context) {
            return Err(InputError::Context {
                codelet: other.name().to_owned(),
                context: context.name.clone(),
            });
        }
        input.enter(context, |context, thread| {
            let answer = match self {
                // SAFETY: `enter` gives a context of the definition that all codelets were
                // verified against, and the calling thread's record while the thread is inside a
                // section. Inlined and called codelets do not look at the hook.
                Self::Native(native) => unsafe {
                    native.dispatch()(context.cast::<c_void>(), thread, std::ptr::null())
                },
                // SAFETY: the same.
                Self::Interpreted(hook) => unsafe { hook.run(context.cast(), thread) },
            };
            (!thread.take_withheld_answer()).then_some(answer)
        })
    }

    fn codelets(&self) -> &[std::sync::Arc<BoundCodelet>] {
        match self {
            Self::Native(native) => native.codelets(),
            Self::Interpreted(hook) => hook.codelets(),
        }
    }
}
