//! The dispatch function of a hook: all its codelets, in priority order, in one piece of machine
//! code.
#![expect(
    unsafe_code,
    reason = "turns the address of compiled code into its type"
)]

use std::sync::Arc;

use cranelift_codegen::ir::{InstBuilder, StackSlot, Value, types};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_frontend::FunctionBuilder;
use cranelift_module::FuncId;
use jbpf_hooks::hook::{Dispatch, HookKind};

use super::code::{
    Code, DISPATCH_ARGUMENTS, InnerFunctions, Listed, Unit, contained, entry_frame, host,
};
use super::frame::{self, FrameUse};
use super::function_signature;
use super::homes::Effort;
use super::lower::{Body, Exit, ExitTo, Imports, address_of};
use super::subject::Subject;
use crate::engine::abort;
use crate::engine::measure::{self, HookStats};
use crate::engine::{BoundCodelet, CompileOptions, EngineError};
use jbpf_verifier::bug::Bug;

/// Codelets of at most this many instructions are lowered into the dispatch function itself. A
/// larger one does enough work that a direct call does not show.
pub const INLINE_INSTRUCTIONS: usize = 128;

/// At most this many instructions are lowered into one dispatch function, so that attaching a
/// codelet beside many others stays fast.
pub const INLINE_INSTRUCTIONS_TOTAL: usize = 256;

/// The compiled dispatch function of a hook, with all that its code refers to.
///
/// Dropping it unmaps the code. The owner keeps this until the hook was given another function (or
/// none) and a [`synchronize`](jbpf_hooks::reclaim::synchronize) after that returned `Ok`.
#[derive(Debug)]
pub struct NativeDispatch {
    // Dropped first: the code refers to the fields that follow.
    code: Code,
    codelets: Vec<Arc<BoundCodelet>>,
    _stats: Option<Arc<HookStats>>,
}

impl NativeDispatch {
    /// The function.
    #[must_use]
    pub fn dispatch(&self) -> Dispatch {
        // SAFETY: the address is that of a function compiled with the signature of `Dispatch`:
        // three pointers in, one u64 out, in the C calling convention of this host.
        unsafe { std::mem::transmute::<usize, Dispatch>(self.code.entry()) }
    }

    /// The codelets that it runs, the first one first.
    #[must_use]
    pub fn codelets(&self) -> &[Arc<BoundCodelet>] {
        &self.codelets
    }
}

/// Compiles the dispatch function of a hook that runs `codelets`, the first one first. With
/// `stats`, it measures each codelet, and the hook as a whole.
///
/// # Errors
/// The host has no backend, or the compiler refuses a program.
pub fn compile_dispatch(
    kind: HookKind,
    codelets: &[Arc<BoundCodelet>],
    stats: Option<Arc<HookStats>>,
    options: CompileOptions,
) -> Result<NativeDispatch, EngineError> {
    contained("dispatch", || {
        Effort::for_dispatch(options).compile(|effort| {
            let mut unit = Unit::new(host(effort)?);
            let subjects = subjects(codelets, options, effort);
            let entry = build(&mut unit, kind, &subjects, stats.as_deref())?;
            Ok(NativeDispatch {
                code: unit.finish("dispatch", entry)?,
                codelets: codelets.to_vec(),
                _stats: stats.clone(),
            })
        })
    })
}

/// As [`compile_dispatch`], for codelets that differ from the verified ones; `owners` are the
/// codelets that they were made from.
#[cfg(test)]
pub(super) fn compile_subjects(
    kind: HookKind,
    subjects: &[Subject<'_>],
    owners: &[Arc<BoundCodelet>],
) -> Result<NativeDispatch, EngineError> {
    let mut unit = Unit::new(host(Effort::Optimised)?);
    let entry = build(&mut unit, kind, subjects, None)?;
    Ok(NativeDispatch {
        code: unit.finish("dispatch", entry)?,
        codelets: owners.to_vec(),
        _stats: None,
    })
}

/// As [`compile_dispatch`], for the machine that `isa` gives, into text.
pub(super) fn list(
    isa: impl Fn(Effort) -> Result<OwnedTargetIsa, EngineError>,
    kind: HookKind,
    codelets: &[Arc<BoundCodelet>],
    stats: Option<&HookStats>,
    options: CompileOptions,
) -> Result<Vec<Listed>, EngineError> {
    contained("dispatch", || {
        Effort::for_dispatch(options).compile(|effort| {
            let mut unit = Unit::new(isa(effort)?).listed();
            build(&mut unit, kind, &subjects(codelets, options, effort), stats)?;
            Ok(unit.take_listing())
        })
    })
}

fn subjects(
    codelets: &[Arc<BoundCodelet>],
    options: CompileOptions,
    effort: Effort,
) -> Vec<Subject<'_>> {
    let codelets = codelets.iter();
    codelets
        .map(|codelet| Subject::new(codelet, options, effort))
        .collect()
}

/// How a codelet gets into the dispatch function.
enum Part {
    /// Lowered into it; these are its inner functions.
    Inlined(InnerFunctions),
    /// Called at this address.
    Called {
        address: usize,
        /// Whether the function also returns whether it left.
        leaves: bool,
    },
}

/// How a codelet ended.
struct End {
    /// Its r0; 0 if it left.
    result: Value,
    /// Not 0 if it left before its end; none for a codelet that never does.
    left: Option<Value>,
}

fn build(
    unit: &mut Unit,
    kind: HookKind,
    subjects: &[Subject<'_>],
    stats: Option<&HookStats>,
) -> Result<FuncId, EngineError> {
    let mut parts = Vec::with_capacity(subjects.len());
    let mut inlined = 0;
    for subject in subjects {
        let size = subject.len();
        let part = if size <= INLINE_INSTRUCTIONS && inlined + size <= INLINE_INSTRUCTIONS_TOTAL {
            inlined += size;
            Part::Inlined(unit.inner_functions(*subject)?)
        } else {
            let code = subject.codelet.compiled(subject.options)?;
            Part::Called {
                address: code.entry(),
                leaves: code.leaves(),
            }
        };
        parts.push((*subject, part));
    }
    let bytes = frame_bytes(&parts)?;
    unit.dispatch_function("dispatch", false, |unit, fb| {
        let block = fb.create_block();
        fb.append_block_params_for_function_params(block);
        fb.switch_to_block(block);
        fb.seal_block(block);
        let &[context, thread, hook] = fb.block_params(block) else {
            return Err(Bug::new("a dispatch function of other parameters").into());
        };
        let mut function = DispatchFunction {
            imports: Imports::new(fb),
            slot: (frame::slot(fb, bytes), bytes),
            frame_use: FrameUse::Unused,
            fb,
            unit,
            arguments: [context, thread, hook],
        };
        let end = match stats {
            None => function.run(&parts)?,
            Some(stats) => function.run_measured(&parts, stats)?,
        };
        function.answer(kind, end);
        frame::release_unused(function.fb, function.slot.0, function.frame_use);
        Ok(())
    })
}

/// Bytes of the one frame that all inlined codelets have: they run one after the other, and none
/// reads a byte that it has not written.
fn frame_bytes(parts: &[(Subject<'_>, Part)]) -> Result<u32, EngineError> {
    let mut most = 0;
    for (subject, part) in parts {
        if let Part::Inlined(inner) = part {
            most = most.max(inner.entry_bytes(*subject)?);
        }
    }
    Ok(frame::rounded(most))
}

struct DispatchFunction<'b, 'f> {
    fb: &'b mut FunctionBuilder<'f>,
    unit: &'b mut Unit,
    imports: Imports,
    /// The slot of that frame, with its size.
    slot: (StackSlot, u32),
    /// Whether any codelet so far uses its frame.
    frame_use: FrameUse,
    arguments: [Value; DISPATCH_ARGUMENTS],
}

impl DispatchFunction<'_, '_> {
    /// Runs the codelets; returns how the last one ended.
    fn run(&mut self, parts: &[(Subject<'_>, Part)]) -> Result<End, EngineError> {
        let mut end = self.nothing();
        for (subject, part) in parts {
            end = self.codelet(*subject, part)?;
        }
        Ok(end)
    }

    /// The end of a run without codelets.
    fn nothing(&mut self) -> End {
        End {
            result: self.fb.ins().iconst(types::I64, 0),
            left: None,
        }
    }

    /// Returns the hook's answer. A control hook answers its codelet's result, and nothing if the
    /// codelet has left.
    fn answer(&mut self, kind: HookKind, end: End) {
        if kind == HookKind::Monitoring {
            let nothing = self.fb.ins().iconst(types::I64, 0);
            self.fb.ins().return_(&[nothing]);
            return;
        }
        if let Some(left) = end.left {
            let [withheld, answered] = [(); 2].map(|()| self.fb.create_block());
            self.fb.set_cold_block(withheld);
            self.fb.ins().brif(left, withheld, &[], answered, &[]);
            self.fb.seal_block(withheld);
            self.fb.switch_to_block(withheld);
            let [_, thread, _] = self.arguments;
            self.call(abort::withhold_answer as *const () as usize, &[thread]);
            self.fb.ins().jump(answered, &[]);
            self.fb.seal_block(answered);
            self.fb.switch_to_block(answered);
        }
        self.fb.ins().return_(&[end.result]);
    }

    /// The same, and counts each codelet. The calls that it decides to time lie between two
    /// readings of the clock.
    fn run_measured(
        &mut self,
        parts: &[(Subject<'_>, Part)],
        stats: &HookStats,
    ) -> Result<End, EngineError> {
        let [_, thread, _] = self.arguments;
        let hook = self.address(stats);
        let timed = self.call(measure::begin as *const () as usize, &[hook, thread]);
        let mut elapsed = self.fb.ins().iconst(types::I64, 0);
        let mut last = self.nothing();
        for ((subject, part), stats) in parts.iter().zip(stats.codelets()) {
            let start = self.call(measure::start_codelet as *const () as usize, &[timed]);
            last = self.codelet(*subject, part)?;
            let stats = self.address(&**stats);
            let end = measure::end_codelet as *const () as usize;
            let took = self.call(end, &[stats, thread, start]);
            elapsed = self.fb.ins().iadd(elapsed, took);
        }
        let hook = self.address(stats.hook());
        let end = measure::end_hook as *const () as usize;
        self.call(end, &[hook, thread, timed, elapsed]);
        Ok(last)
    }

    fn codelet(&mut self, subject: Subject<'_>, part: &Part) -> Result<End, EngineError> {
        let [context, thread, _] = self.arguments;
        match part {
            Part::Called { address, leaves } => Ok(self.call_codelet(*address, *leaves)),
            Part::Inlined(inner) => {
                let Some(function) = subject.functions().first() else {
                    return Ok(self.nothing());
                };
                let callees = self.unit.callees(subject, function, inner, self.fb.func);
                let leaves = inner.entry_leaves;
                let done = self.fb.create_block();
                let end = End {
                    result: self.fb.append_block_param(done, types::I64),
                    left: leaves.then(|| self.fb.append_block_param(done, types::I64)),
                };
                let size = subject.codelet.context_size().cast_signed();
                let size = self.fb.ins().iconst(types::I64, size);
                let (frame, surroundings) = entry_frame(self.fb, subject, self.slot, context)?;
                let used = Body::lower(
                    self.fb,
                    &mut self.imports,
                    subject,
                    &callees,
                    function,
                    frame,
                    surroundings,
                    thread,
                    &[context, size],
                    Exit {
                        to: ExitTo::Block(done),
                        leaves,
                    },
                )?;
                if used == FrameUse::Used {
                    self.frame_use = used;
                }
                self.fb.seal_block(done);
                self.fb.switch_to_block(done);
                Ok(end)
            }
        }
    }

    /// Calls a codelet that was compiled as a function of its own.
    fn call_codelet(&mut self, address: usize, leaves: bool) -> End {
        let arguments = self.arguments;
        if !leaves {
            return End {
                result: self.call(address, &arguments),
                left: None,
            };
        }
        let call_conv = self.fb.func.signature.call_conv;
        let signature = function_signature(call_conv, arguments.len(), leaves);
        let signature = self.fb.import_signature(signature);
        let callee = (address as u64).cast_signed();
        let callee = self.fb.ins().iconst(types::I64, callee);
        let call = self.fb.ins().call_indirect(signature, callee, &arguments);
        match *self.fb.inst_results(call) {
            [result, left] => End {
                result,
                left: Some(left),
            },
            _ => self.nothing(),
        }
    }

    fn address<T>(&mut self, of: &T) -> Value {
        let address = address_of(of).cast_signed();
        self.fb.ins().iconst(types::I64, address)
    }

    fn call(&mut self, address: usize, arguments: &[Value]) -> Value {
        let signature = self.imports.signature(self.fb, arguments.len());
        let callee = (address as u64).cast_signed();
        let callee = self.fb.ins().iconst(types::I64, callee);
        let call = self.fb.ins().call_indirect(signature, callee, arguments);
        match self.fb.inst_results(call) {
            [result] => *result,
            _ => self.fb.ins().iconst(types::I64, 0),
        }
    }
}
