//! Helper calls: arguments checked against the prototype, then the call, then its result.

use jbpf_hooks::reclaim::ThreadRecord;
use jbpf_verifier::types::{ArgKind, HelperProto, MapKinds, ReturnKind};

use super::Machine;
use super::fault::FaultKind;
use crate::builtins::HelperTarget;
use crate::engine::CodeletEnvironment;
use crate::map::Map;

impl<'c> Machine<'c> {
    /// Whether a helper is the built-in one of its number.
    pub(super) fn is_built_in(&self, id: u32) -> bool {
        self.codelet.helper(id).is_ok_and(|target| target.built_in)
    }

    pub(super) fn call_helper(&mut self, id: u32) -> Result<(), FaultKind> {
        let codelet = self.codelet;
        let unknown = FaultKind::UnknownHelper { helper: id };
        let proto = codelet.program().helpers().get(id);
        let proto = proto.ok_or_else(|| unknown.clone())?;
        let target = codelet.helper(id).map_err(|_| unknown)?;
        let map = self.check_arguments(proto)?;

        let [_, a, b, c, d, e, ..] = self.registers;
        let environment = codelet.environment();
        // SAFETY: the arguments were checked against the prototype, and the target was bound to
        // that prototype.
        let result = unsafe { call(target, [a, b, c, d, e], self.thread, environment) };

        self.check_result(proto, map, result)?;
        // r1 to r5 do not survive a call.
        self.initialised &= !0b11_1110;
        self.set(0, result);
        Ok(())
    }

    /// Checks r1 to r5 against the prototype; returns the first map among them.
    fn check_arguments(&mut self, proto: &HelperProto) -> Result<Option<&'c Map>, FaultKind> {
        let mut first = None;
        let mut nearest = None;
        for (register, kind) in (1u8..).zip(&proto.args) {
            let refused = |memory: Option<FaultKind>| FaultKind::HelperArgument {
                helper: proto.id,
                register,
                memory: memory.map(Box::new),
            };
            match *kind {
                // Formats say which of their arguments they use.
                ArgKind::FormatArg => {}
                ArgKind::Number | ArgKind::Ignored | ArgKind::Size => {
                    self.get(register)?;
                }
                ArgKind::SizeUpTo(most) => {
                    if self.get(register)? > most.into() {
                        return Err(refused(None));
                    }
                }
                ArgKind::Map(ref kinds) => {
                    let address = self.get(register)?;
                    let map = self.memory.map_at(address);
                    let map = map.filter(|map| takes(kinds, map));
                    nearest = Some(map.ok_or_else(|| refused(None))?);
                    first = first.or(nearest);
                }
                _ => {
                    let address = self.get(register)?;
                    let size = self.argument_size(register, kind, nearest)?;
                    let access = match kind {
                        _ if size == 0 => Ok(()),
                        ArgKind::Writable => self.memory.check_writable(address, size),
                        ArgKind::WritableFixed(_) => self
                            .memory
                            .check_readable(address, size)
                            .and_then(|()| self.memory.check_writable(address, size)),
                        _ => self.memory.check_readable(address, size),
                    };
                    access.map_err(|fault| refused(Some(fault)))?;
                }
            }
        }
        Ok(first)
    }

    /// Bytes that a memory argument must have.
    fn argument_size(
        &self,
        register: u8,
        kind: &ArgKind,
        map: Option<&Map>,
    ) -> Result<usize, FaultKind> {
        let size = match kind {
            ArgKind::MapKey => map.ok_or(NO_MAP)?.def().key_size.into(),
            ArgKind::MapValue => map.ok_or(NO_MAP)?.def().value_size.into(),
            ArgKind::ReadableFixed(size) | ArgKind::WritableFixed(size) => u64::from(*size),
            _ => self.get(register + 1)?,
        };
        Ok(usize::try_from(size).unwrap_or(usize::MAX))
    }

    fn check_result(
        &mut self,
        proto: &HelperProto,
        map: Option<&Map>,
        result: u64,
    ) -> Result<(), FaultKind> {
        let map = || map.ok_or(NO_MAP);
        let value_size = |map: &Map| map.def().value_size as usize;
        let map_address = |map: &Map| std::ptr::from_ref(map) as u64;
        let fits = match proto.returns {
            ReturnKind::AnyNumber => true,
            ReturnKind::Never => false,
            ReturnKind::Number { min, max } => (min..=max).contains(&result.cast_signed()),
            ReturnKind::MapValueOrNull => {
                result == 0 || {
                    let map = map()?;
                    self.memory.in_value_of(map, result, value_size(map))
                }
            }
            ReturnKind::OutputBufferOrNull => {
                let map = map()?;
                if result != 0 {
                    let (map, size) = (map_address(map), value_size(map));
                    self.memory.obtained(map, result, size);
                }
                true
            }
            ReturnKind::SentOutput => {
                self.memory.sent(map_address(map()?));
                result.cast_signed() <= 0
            }
        };
        if fits {
            Ok(())
        } else {
            Err(FaultKind::HelperResult {
                helper: proto.id,
                result,
            })
        }
    }
}

/// The fault of a prototype that speaks of a map and takes none.
const NO_MAP: FaultKind = FaultKind::UnknownMap { map: u64::MAX };

fn takes(kinds: &MapKinds, map: &Map) -> bool {
    let kind = map.def().kind;
    match kinds {
        MapKinds::Any => true,
        MapKinds::Values => kind.holds_values(),
        MapKinds::Only(kinds) => kinds.contains(&kind),
    }
}

/// Calls a helper with as many of the registers as it takes, and with thread and codelet if it
/// needs them.
///
/// # Safety
/// The registers hold arguments that the helper accepts; `thread` is the calling thread's record.
unsafe fn call(
    target: HelperTarget,
    registers: [u64; 5],
    thread: &ThreadRecord,
    environment: &CodeletEnvironment,
) -> u64 {
    let mut words = [0u64; 7];
    let extra = [
        (target.needs_thread, std::ptr::from_ref(thread) as u64),
        (target.needs_codelet, std::ptr::from_ref(environment) as u64),
    ];
    let own = registers.into_iter().take(target.args.into());
    let extra = extra
        .into_iter()
        .filter_map(|(wanted, word)| wanted.then_some(word));
    let mut count = 0;
    for (slot, word) in words.iter_mut().zip(own.chain(extra)) {
        *slot = word;
        count += 1;
    }
    macro_rules! call {
        ($($word:ident: $ty:ty),*) => {{
            // SAFETY: the address is that of a C function of this many registers.
            let function = unsafe {
                std::mem::transmute::<usize, unsafe extern "C" fn($($ty),*) -> u64>(target.address)
            };
            // SAFETY: the caller's word.
            unsafe { function($($word),*) }
        }};
    }
    let [a, b, c, d, e, f, g] = words;
    match count {
        0 => call!(),
        1 => call!(a: u64),
        2 => call!(a: u64, b: u64),
        3 => call!(a: u64, b: u64, c: u64),
        4 => call!(a: u64, b: u64, c: u64, d: u64),
        5 => call!(a: u64, b: u64, c: u64, d: u64, e: u64),
        6 => call!(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64),
        _ => call!(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64),
    }
}
