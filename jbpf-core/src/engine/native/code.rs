//! Compilation units: a `JITModule`, the functions compiled into it, and the memory that it owns.

#![expect(unsafe_code, reason = "unmaps code")]

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, OnceLock};

use cranelift_codegen::ir::{
    AbiParam, Function, InstBuilder, Signature, StackSlot, UserFuncName, Value, types,
};
use cranelift_codegen::isa::{CallConv, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, isa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Module, default_libcall_names};
use jbpf_verifier::bug::Bug;
use jbpf_verifier::program::VerifiedFunction;

use super::frame::{self, Frame};
use super::guard::{SURROUNDINGS, Surroundings};
use super::homes::Effort;
use super::insn::Insn;
use super::leaving::Shape;
use super::lower::{Body, Callees, Exit, ExitTo, Imports};
use super::subject::Subject;
use crate::engine::{BoundCodelet, CompileOptions, EngineError};

/// The signature of a C function of `count` u64 registers that returns one.
pub(super) fn registers_signature(call_conv: CallConv, count: usize) -> Signature {
    let mut signature = Signature::new(call_conv);
    signature.params.resize(count, AbiParam::new(types::I64));
    signature.returns.push(AbiParam::new(types::I64));
    signature
}

/// The signature of a codelet's function: like [`registers_signature`]. A function that can leave
/// the codelet also returns whether it did.
pub(super) fn function_signature(call_conv: CallConv, count: usize, leaves: bool) -> Signature {
    let mut signature = registers_signature(call_conv, count);
    if leaves {
        signature.returns.push(AbiParam::new(types::I64));
    }
    signature
}

/// Arguments of a dispatch function: context, thread, hook.
pub(super) const DISPATCH_ARGUMENTS: usize = 3;
/// Arguments of a codelet's inner function: r1 to r5, thread.
const FUNCTION_ARGUMENTS: usize = 6;
/// The same, with guards: the start of the caller's frame, and the surroundings.
const GUARDED_FUNCTION_ARGUMENTS: usize = FUNCTION_ARGUMENTS + 1 + SURROUNDINGS;

/// The most stack that machine code of one function may take beside the codelet's own frame: for
/// spilled values, saved registers and arguments of calls. Eight functions that call each other
/// take at most eight times as much, and eight frames.
const MAX_MACHINE_FRAME: u32 = 512;

/// The machine that this process runs on, with all its features.
pub(super) fn host(effort: Effort) -> Result<OwnedTargetIsa, EngineError> {
    static HOST: [OnceLock<Result<OwnedTargetIsa, String>>; 2] = [const { OnceLock::new() }; 2];
    let [optimised, linear] = &HOST;
    let host = match effort {
        Effort::Optimised => optimised,
        Effort::Linear => linear,
    };
    host.get_or_init(|| this_machine(opt_level(effort)))
        .clone()
        .map_err(|reason| EngineError::NoBackend { reason })
}

const fn opt_level(effort: Effort) -> &'static str {
    match effort {
        Effort::Optimised => "speed",
        Effort::Linear => "none",
    }
}

fn this_machine(opt_level: &str) -> Result<OwnedTargetIsa, String> {
    let builder = cranelift_native::builder().map_err(str::to_owned)?;
    finish(builder, opt_level)
}

/// The same architecture without optional features: listings are then the same on every machine.
pub(super) fn baseline(effort: Effort) -> Result<OwnedTargetIsa, EngineError> {
    let opt_level = opt_level(effort);
    isa::lookup_by_name(std::env::consts::ARCH)
        .map_err(|error| error.to_string())
        .and_then(|builder| finish(builder, opt_level))
        .map_err(|reason| EngineError::NoBackend { reason })
}

fn finish(builder: isa::Builder, opt_level: &str) -> Result<OwnedTargetIsa, String> {
    let mut flags = settings::builder();
    let chosen = [
        ("opt_level", opt_level),
        ("is_pic", "false"),
        ("use_colocated_libcalls", "false"),
        // No one unwinds through codelets: helpers contain their panics.
        ("unwind_info", "false"),
        // This costs nothing in frames below a page. Larger frames touch each page in order.
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
        // Cranelift's own check of the IR: the tests run it, users do not wait for it.
        (
            "enable_verifier",
            if cfg!(debug_assertions) {
                "true"
            } else {
                "false"
            },
        ),
    ];
    for (name, value) in chosen {
        flags.set(name, value).map_err(|error| error.to_string())?;
    }
    builder
        .finish(settings::Flags::new(flags))
        .map_err(|error| error.to_string())
}

/// A module that unmaps its memory when it is dropped, finished or not.
///
/// (`JITModule` on its own leaks it, so that function pointers stay valid.)
struct OwnedModule(ManuallyDrop<JITModule>);

impl Deref for OwnedModule {
    type Target = JITModule;

    fn deref(&self) -> &JITModule {
        &self.0
    }
}

impl DerefMut for OwnedModule {
    fn deref_mut(&mut self) -> &mut JITModule {
        &mut self.0
    }
}

impl Drop for OwnedModule {
    fn drop(&mut self) {
        // SAFETY: the field is never used again.
        let module = unsafe { ManuallyDrop::take(&mut self.0) };
        // SAFETY: either the module was never finished, and no address in it was handed out; or it
        // is in a `Code`. The last owner of a `Code` is a `NativeDispatch`, or a codelet that only
        // dispatch functions call. By the contract of `NativeDispatch`, its owner drops it only
        // when no thread runs the code and nobody calls its address any more.
        unsafe { module.free_memory() };
    }
}

/// A compiled function as text.
pub(super) struct Listed {
    pub name: String,
    pub ir: String,
    pub assembly: String,
    /// Why its instructions may trap, one by one.
    pub traps: Vec<String>,
}

/// A function of a codelet, in the module that is being compiled.
#[derive(Debug, Clone, Copy)]
pub(super) struct InnerFunction {
    id: FuncId,
    leaves: bool,
}

/// The functions of a codelet, by index.
pub(super) struct InnerFunctions {
    /// All reachable functions except the entry.
    functions: Vec<Option<InnerFunction>>,
    /// Whether the entry can leave the codelet before its end.
    pub(super) entry_leaves: bool,
    /// Bytes of all frames that are active at a time, the entry's included.
    pub(super) frames: u32,
}

impl InnerFunctions {
    /// Bytes of stack that the entry must have for frames: for its own, and with guards also for
    /// its callees'.
    pub(super) fn entry_bytes(&self, subject: Subject<'_>) -> Result<u32, EngineError> {
        if subject.options.guard_accesses {
            return Ok(self.frames);
        }
        Ok(frame::rounded(subject.entry()?.stack_size))
    }
}

/// The frame of a codelet's entry in a slot of so many bytes; for guarded codelets, also the
/// surroundings that accesses are compared with.
pub(super) fn entry_frame(
    fb: &mut FunctionBuilder<'_>,
    subject: Subject<'_>,
    (slot, bytes): (StackSlot, u32),
    context: Value,
) -> Result<(Frame, Option<Surroundings>), EngineError> {
    let stack_size = subject.entry()?.stack_size;
    if !subject.options.guard_accesses {
        return Ok((Frame::new(fb, slot, stack_size), None));
    }
    let frame = Frame::at_end(fb, slot, bytes, stack_size);
    let end = fb.ins().iadd_imm_s(frame.base, i64::from(frame.size));
    let definition = subject.codelet.program().context();
    let surroundings = Surroundings::of_call(fb, definition, context, end);
    Ok((frame, Some(surroundings)))
}

/// Functions that are being compiled together.
pub(super) struct Unit {
    module: OwnedModule,
    context: Context,
    builder_context: FunctionBuilderContext,
    /// The compiled functions as text, if a listing was asked for.
    listing: Option<Vec<Listed>>,
}

impl Unit {
    pub(super) fn new(isa: OwnedTargetIsa) -> Self {
        let mut builder = JITBuilder::with_isa(isa, default_libcall_names());
        // Other architectures keep Cranelift's own memory: it takes care of instruction caches
        // that are not coherent.
        #[cfg(target_arch = "x86_64")]
        builder.memory_provider(Box::new(super::memory::NearMemory::new()));
        let module = JITModule::new(builder);
        let context = module.make_context();
        Self {
            module: OwnedModule(ManuallyDrop::new(module)),
            context,
            builder_context: FunctionBuilderContext::new(),
            listing: None,
        }
    }

    /// From now on keeps a listing of each compiled function.
    pub(super) fn listed(mut self) -> Self {
        self.listing = Some(Vec::new());
        self
    }

    /// Each function compiled so far.
    pub(super) fn take_listing(&mut self) -> Vec<Listed> {
        self.listing.take().unwrap_or_default()
    }

    fn call_conv(&self) -> CallConv {
        self.module.isa().default_call_conv()
    }

    /// Compiles the reachable functions of a codelet except the entry. The result is by index of
    /// the function.
    pub(super) fn inner_functions(
        &mut self,
        subject: Subject<'_>,
    ) -> Result<InnerFunctions, EngineError> {
        let codelet = subject.codelet;
        let functions = subject.functions();
        let Shape { leaves, frames } = Shape::of(subject)?;
        let mut inner = InnerFunctions {
            functions: Vec::with_capacity(functions.len()),
            entry_leaves: *leaves
                .first()
                .ok_or(Bug::new("a codelet without an entry"))?,
            frames: frames.min(frame::MAX_FRAMES),
        };
        let arguments = if subject.options.guard_accesses {
            GUARDED_FUNCTION_ARGUMENTS
        } else {
            FUNCTION_ARGUMENTS
        };
        for (index, (function, leaves)) in functions.iter().zip(leaves).enumerate() {
            // A function that only dead code calls has nothing that could be lowered.
            let declared = if index == 0 || subject.is_dead(function.start) {
                None
            } else {
                let signature = function_signature(self.call_conv(), arguments, leaves);
                let id = self
                    .module
                    .declare_anonymous_function(&signature)
                    .map_err(|e| compiler_error(codelet.name(), &e))?;
                Some(InnerFunction { id, leaves })
            };
            inner.functions.push(declared);
        }
        for (function, declared) in functions.iter().zip(&inner.functions) {
            let Some(InnerFunction { id, leaves }) = *declared else {
                continue;
            };
            let name = format!("{}+{}", codelet.name(), function.start);
            let signature = function_signature(self.call_conv(), arguments, leaves);
            self.define(&name, id, signature, |unit, fb| {
                let callees = unit.callees(subject, function, &inner, fb.func);
                let mut imports = Imports::new(fb);
                let block = fb.create_block();
                fb.append_block_params_for_function_params(block);
                fb.switch_to_block(block);
                fb.seal_block(block);
                let parameters = fb.block_params(block).to_vec();
                let (frame, slot, surroundings) = match parameters.as_slice() {
                    [_, _, _, _, _, _] => {
                        let slot = frame::slot(fb, function.stack_size);
                        let frame = Frame::new(fb, slot, function.stack_size);
                        (frame, Some(slot), None)
                    }
                    &[_, _, _, _, _, _, top, end, context, region, size] => {
                        let surroundings = Surroundings::from_values([end, context, region, size]);
                        let frame = Frame::below(fb, top, function.stack_size);
                        (frame, None, Some(surroundings))
                    }
                    _ => return Ok(()),
                };
                let Some((registers, &[thread])) = parameters
                    .get(..FUNCTION_ARGUMENTS)
                    .map(|own| own.split_at(FUNCTION_ARGUMENTS - 1))
                else {
                    return Ok(());
                };
                let used = Body::lower(
                    fb,
                    &mut imports,
                    subject,
                    &callees,
                    function,
                    frame,
                    surroundings,
                    thread,
                    registers,
                    Exit {
                        to: ExitTo::Caller,
                        leaves,
                    },
                )?;
                if let Some(slot) = slot {
                    frame::release_unused(fb, slot, used);
                }
                Ok(())
            })?;
        }
        Ok(inner)
    }

    /// The functions that `function` calls, as references of the function that is being built. The
    /// others are not imported: a codelet may have thousands.
    pub(super) fn callees(
        &mut self,
        subject: Subject<'_>,
        function: &VerifiedFunction,
        inner: &InnerFunctions,
        func: &mut Function,
    ) -> Callees {
        let called = (function.start..function.end).filter_map(|at| {
            match Insn::decode(at, subject.insn(at)?, None)? {
                Insn::CallFunction { target } => subject.function_at(target),
                _ => None,
            }
        });
        let mut callees = Callees::new();
        for index in called {
            if let Some(declared) = inner.functions.get(index).copied().flatten() {
                callees
                    .entry(index)
                    .or_insert_with(|| self.module.declare_func_in_func(declared.id, func));
            }
        }
        callees
    }

    /// Compiles a function of the dispatch type, filled by `build`. A function that can leave its
    /// codelet also returns whether it did.
    pub(super) fn dispatch_function(
        &mut self,
        name: &str,
        leaves: bool,
        build: impl FnOnce(&mut Self, &mut FunctionBuilder<'_>) -> Result<(), EngineError>,
    ) -> Result<FuncId, EngineError> {
        let signature = function_signature(self.call_conv(), DISPATCH_ARGUMENTS, leaves);
        let id = self
            .module
            .declare_anonymous_function(&signature)
            .map_err(|e| compiler_error(name, &e))?;
        self.define(name, id, signature, build)?;
        Ok(id)
    }

    fn define(
        &mut self,
        name: &str,
        id: FuncId,
        signature: Signature,
        build: impl FnOnce(&mut Self, &mut FunctionBuilder<'_>) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        // Taken out, so that `build` can declare functions in the module meanwhile.
        let mut func = std::mem::replace(&mut self.context.func, Function::new());
        let mut builder_context = std::mem::take(&mut self.builder_context);
        func.signature = signature;
        func.name = UserFuncName::user(0, id.as_u32());
        let mut fb = FunctionBuilder::new(&mut func, &mut builder_context);
        build(self, &mut fb)?;
        fb.finalize(self.module.target_config());
        self.builder_context = builder_context;
        self.context.func = func;

        let ir = self
            .listing
            .is_some()
            .then(|| self.context.func.to_string());
        self.context.set_disasm(ir.is_some());
        self.module
            .define_function(id, &mut self.context)
            .map_err(|e| compiler_error(name, &e))?;
        self.check_machine_frame(name)?;
        if let (Some(listing), Some(ir)) = (&mut self.listing, ir) {
            let code = self.context.compiled_code();
            let traps = code.iter().flat_map(|code| code.buffer.traps());
            listing.push(Listed {
                name: name.to_owned(),
                ir,
                assembly: code.and_then(|code| code.vcode.clone()).unwrap_or_default(),
                traps: traps.map(|trap| trap.code.to_string()).collect(),
            });
        }
        self.module.clear_context(&mut self.context);
        Ok(())
    }

    /// Whether the function that was compiled last takes no more stack than a function may.
    fn check_machine_frame(&self, name: &str) -> Result<(), EngineError> {
        let layout = self.context.compiled_code();
        let layout = layout.and_then(|code| code.buffer.frame_layout());
        let slots = self.context.func.sized_stack_slots.values();
        let slots = slots.fold(0, |sum: u32, slot| {
            sum.saturating_add(slot.size.next_multiple_of(8))
        });
        let bytes = layout.map_or(0, |layout| layout.frame_to_fp_offset);
        let bytes = bytes.saturating_sub(slots);
        if bytes <= MAX_MACHINE_FRAME {
            return Ok(());
        }
        Err(EngineError::MachineFrame {
            function: name.to_owned(),
            bytes,
            limit: MAX_MACHINE_FRAME,
        })
    }

    /// Makes everything executable and gives the address of `entry`.
    pub(super) fn finish(mut self, name: &str, entry: FuncId) -> Result<Code, EngineError> {
        self.module
            .finalize_definitions()
            .map_err(|e| compiler_error(name, &e))?;
        let entry = self.module.get_finalized_function(entry) as usize;
        Ok(Code {
            entry,
            _module: Mutex::new(self.module),
        })
    }
}

fn compiler_error(name: &str, error: &dyn std::error::Error) -> EngineError {
    let mut message = error.to_string();
    if let Some(source) = error.source() {
        message = format!("{message}: {source}");
    }
    EngineError::Compiler {
        function: name.to_owned(),
        message,
    }
}

/// Runs a compilation; a panic inside Cranelift becomes an error of this load.
pub(super) fn contained<T>(
    name: &str,
    compile: impl FnOnce() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    // Nothing of the compilation is looked at again after a panic.
    catch_unwind(AssertUnwindSafe(compile)).unwrap_or_else(|_| {
        Err(EngineError::Compiler {
            function: name.to_owned(),
            message: "the compiler panicked".to_owned(),
        })
    })
}

/// Executable memory. Dropping it unmaps it.
pub(super) struct Code {
    entry: usize,
    /// Kept to be dropped; the lock makes it shareable, and nobody takes it.
    _module: Mutex<OwnedModule>,
}

impl Code {
    /// Address of the function that it was compiled for.
    pub(super) fn entry(&self) -> usize {
        self.entry
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({:#x})", self.entry)
    }
}

/// A codelet compiled as a function of its own, for dispatch functions to call.
#[derive(Debug)]
pub(crate) struct CodeletCode {
    code: Code,
    leaves: bool,
}

impl CodeletCode {
    pub(crate) fn compile(
        codelet: &BoundCodelet,
        options: CompileOptions,
    ) -> Result<Self, EngineError> {
        contained(codelet.name(), || {
            Effort::for_codelet(codelet, options).compile(|effort| {
                let mut unit = Unit::new(host(effort)?);
                let subject = Subject::new(codelet, options, effort);
                let (entry, leaves) = unit.codelet_function(subject)?;
                let code = unit.finish(codelet.name(), entry)?;
                Ok(Self { code, leaves })
            })
        })
    }

    /// Address of the function. It takes the arguments of a
    /// [`Dispatch`](jbpf_hooks::hook::Dispatch), and returns r0.
    pub(crate) fn entry(&self) -> usize {
        self.code.entry()
    }

    /// Whether it can leave the codelet before its end. If so, it also returns whether it did, in
    /// a second register.
    pub(crate) fn leaves(&self) -> bool {
        self.leaves
    }
}

impl Unit {
    /// Compiles a codelet as a function of the dispatch type; also returns whether it can leave
    /// the codelet.
    pub(super) fn codelet_function(
        &mut self,
        subject: Subject<'_>,
    ) -> Result<(FuncId, bool), EngineError> {
        let codelet = subject.codelet;
        let inner = self.inner_functions(subject)?;
        let leaves = inner.entry_leaves;
        let function = subject.entry()?;
        let entry = self.dispatch_function(codelet.name(), leaves, |unit, fb| {
            let callees = unit.callees(subject, function, &inner, fb.func);
            let mut imports = Imports::new(fb);
            let block = fb.create_block();
            fb.append_block_params_for_function_params(block);
            fb.switch_to_block(block);
            fb.seal_block(block);
            let &[context, thread, _hook] = fb.block_params(block) else {
                return Err(Bug::new("a dispatch function of other parameters").into());
            };
            let bytes = inner.entry_bytes(subject)?;
            let slot = frame::slot(fb, bytes);
            let (frame, surroundings) = entry_frame(fb, subject, (slot, bytes), context)?;
            let size = codelet.context_size().cast_signed();
            let size = fb.ins().iconst(types::I64, size);
            let used = Body::lower(
                fb,
                &mut imports,
                subject,
                &callees,
                function,
                frame,
                surroundings,
                thread,
                &[context, size],
                Exit {
                    to: ExitTo::Caller,
                    leaves,
                },
            )?;
            frame::release_unused(fb, slot, used);
            Ok(())
        })?;
        Ok((entry, leaves))
    }
}
