//! Calls: of helpers, directly at their address, and of the codelet's own functions. Helpers that
//! need no call, because they touch memory at a constant address, are in `lookup`, `channel`,
//! `send` and `clock`.

use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use jbpf_abi::helper;
use jbpf_hooks::reclaim::ThreadRecord;
use jbpf_verifier::program::Fact;

use super::known::Known;
use super::lower::{Body, address_of};
use crate::builtins::HelperTarget;
use crate::engine::{AbortKind, EngineError};
use crate::map::Storage;

/// Values of at most this many bytes are zeroed by stores instead of a call.
const INLINE_RESET_BYTES: usize = 64;

impl Body<'_, '_> {
    /// Calls a helper; true if that filled the current block.
    pub(super) fn call_helper(&mut self, at: usize, id: u32) -> Result<bool, EngineError> {
        let target = self.codelet.helper(id)?;
        if id == helper::ABORT && target.built_in {
            self.abort_by_call(at)?;
            return Ok(true);
        }
        if self.guard_arguments(at, id)? {
            return Ok(true);
        }
        if self.codelet.inlines_helpers() && self.inlined(self.fact(at), id, target)? {
            return Ok(false);
        }
        let result = self.helper_result(target);
        self.known.called();
        self.define(0, result);
        Ok(false)
    }

    /// Lowers a helper without calling it, in the usual case at least; false, with nothing
    /// emitted, if that cannot be.
    fn inlined(&mut self, fact: Fact, id: u32, target: HelperTarget) -> Result<bool, EngineError> {
        // Another function of that number does something else.
        if !target.built_in {
            return Ok(false);
        }
        let map = match fact {
            Fact::HelperCall { map: Some(map) } => Some(self.codelet.map(map)?),
            _ => None,
        };
        let section = map.is_some_and(|map| map.def().section.is_some());
        match id {
            helper::GET_SYS_TIME if self.tick() => return Ok(true),
            helper::GET_SYS_TIME_DIFF_NS => {
                self.ticks_between();
                return Ok(true);
            }
            _ => {}
        }
        match (id, map.map(|map| (map, map.storage()))) {
            (helper::MAP_LOOKUP_ELEM, Some((_, Storage::Array(array)))) => {
                self.lookup_array(array);
                return Ok(true);
            }
            (helper::MAP_LOOKUP_RESET_ELEM, Some((_, Storage::Array(array))))
                if array.stride() <= INLINE_RESET_BYTES && !section =>
            {
                self.lookup_array(array);
                self.reset_found(array.stride());
                return Ok(true);
            }
            (helper::MAP_LOOKUP_ELEM, Some((_, Storage::PerThreadArray(array)))) => {
                self.lookup_per_thread(array, target);
                return Ok(true);
            }
            (helper::CONTROL_INPUT_RECEIVE, Some((_, Storage::ControlInput(input))))
                if self.receive(input, target) =>
            {
                return Ok(true);
            }
            (helper::GET_OUTPUT_BUF, Some((_, Storage::Output(output)))) => {
                self.reserve(output, target);
                return Ok(true);
            }
            (helper::RINGBUF_OUTPUT, Some((map, Storage::RingBuf(output))))
                if self.send(map, output, target) =>
            {
                return Ok(true);
            }
            (helper::SEND_OUTPUT, Some((map, Storage::Output(output)))) => {
                self.commit(map, output, target);
                return Ok(true);
            }
            _ => {}
        }
        Ok(false)
    }

    /// Emits the call itself, with the arguments that r1 to r5 hold now.
    pub(super) fn helper_result(&mut self, target: HelperTarget) -> Value {
        let mut arguments: Vec<Value> = (1..=target.args.min(5))
            .map(|register| self.read(register, 64))
            .collect();
        if target.needs_thread {
            arguments.push(self.thread);
        }
        if target.needs_codelet {
            let environment = address_of(self.codelet.environment());
            arguments.push(self.address(environment));
        }
        self.call_address(target.address, &arguments)
    }

    /// Calls a function of the engine or of a helper by its address; its result.
    pub(super) fn call_address(&mut self, function: usize, arguments: &[Value]) -> Value {
        let signature = self.imports.signature(self.fb, arguments.len());
        let callee = self.address(function as u64);
        let call = self.fb.ins().call_indirect(signature, callee, arguments);
        self.only_result(call)
    }

    /// Calls a function of the codelet; true if that filled the current block.
    pub(super) fn call_function(&mut self, at: usize, target: usize) -> Result<bool, EngineError> {
        let index = self.subject.function_at(target);
        let callee = index.and_then(|index| self.functions.get(&index).copied());
        // The verifier says that no path reaches its first instruction.
        let (Some(index), Some(callee)) = (index, callee) else {
            self.abort(at, AbortKind::Unreachable)?;
            return Ok(true);
        };
        let mut arguments: Vec<Value> = (1..=5).map(|register| self.read(register, 64)).collect();
        arguments.push(self.thread);
        if let Some(surroundings) = self.surroundings {
            self.guard_call(at, index, surroundings)?;
            arguments.push(self.frame.base);
            arguments.extend(surroundings.values());
        }
        let call = self.fb.ins().call(callee, &arguments);
        let result = match *self.fb.inst_results(call) {
            [result] => result,
            [result, left] => {
                self.leave_if(at, left)?;
                result
            }
            _ => self.fb.ins().iconst(types::I64, 0),
        };
        self.known.called();
        self.define(0, result);
        Ok(false)
    }

    pub(super) fn only_result(&mut self, call: cranelift_codegen::ir::Inst) -> Value {
        match self.fb.inst_results(call) {
            [result] => *result,
            _ => self.fb.ins().iconst(types::I64, 0),
        }
    }

    pub(super) fn address(&mut self, address: u64) -> Value {
        self.fb.ins().iconst(types::I64, address.cast_signed())
    }

    /// The thread's slot, a 32-bit number. Nothing that codelets store to.
    pub(super) fn thread_slot(&mut self) -> Value {
        let offset = i32::from(ThreadRecord::SLOT_OFFSET);
        let flags = MemFlagsData::trusted();
        self.fb.ins().load(types::I32, flags, self.thread, offset)
    }

    /// The word of the hook call that this is, a 32-bit number; not 0.
    pub(super) fn hook_call(&mut self) -> Value {
        let offset = i32::from(ThreadRecord::CALL_OFFSET);
        let flags = MemFlagsData::trusted();
        let state = self.fb.ins().load(types::I64, flags, self.thread, offset);
        self.fb.ins().ireduce(types::I32, state)
    }

    /// After an inlined helper: the argument registers are gone, the frame is as it was.
    pub(super) fn called_without_stores(&mut self) {
        for register in 0..6 {
            self.known.set(register, Known::Unknown);
        }
    }
}
