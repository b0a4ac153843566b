//! Accepted programs, interpreted and natively, side by side: the same r0, region, fields, maps and records.

use std::sync::Arc;

use jbpf_core::engine::{BoundCodelet, CompiledHook, Engine, EngineError, Input, interpreter};
use jbpf_hooks::hook::HookKind;
use jbpf_verifier::{Program, VerifiedProgram};

use super::super::choices::Choices;
use super::listing;
use super::world::{Surroundings, bind, contents, send_input};

/// `rand`, and `map_dump`, whose order is another one in each map.
const UNREPEATABLE: [i32; 2] = [15, 6];

/// Whether two runs of it may differ though nothing is wrong.
pub fn is_repeatable(program: &Program) -> bool {
    !program
        .insns
        .iter()
        .any(|insn| insn.opcode == 0x85 && insn.src == 0 && UNREPEATABLE.contains(&insn.imm))
}

/// Codelets that the interpreter runs, and the same once more in one dispatch function.
pub struct Twins {
    pub interpreted: Vec<Arc<BoundCodelet>>,
    compiled: Vec<Arc<BoundCodelet>>,
    native: Option<CompiledHook>,
    repeatable: bool,
}

impl Twins {
    pub fn new(programs: &[&VerifiedProgram]) -> Self {
        let bound = || programs.iter().map(|program| bind(program)).collect();
        let (interpreted, compiled): (Vec<_>, Vec<_>) = (bound(), bound());
        let native = match Engine::Native.compile(HookKind::Control, &compiled, None) {
            Ok(native) => Some(native),
            // The verifier marks code that nobody reaches as reached, now and then.
            Err(EngineError::MissingFunction { .. }) => None,
            Err(error) => panic!("accepted, not compiled: {error}\n{}", listings(&compiled)),
        };
        Self {
            interpreted,
            compiled,
            native,
            repeatable: programs
                .iter()
                .all(|verified| is_repeatable(verified.program())),
        }
    }

    /// Whether there is machine code.
    pub fn is_native(&self) -> bool {
        self.native.is_some()
    }

    pub fn send_input(&self, choices: &mut Choices) {
        for (interpreted, compiled) in self.interpreted.iter().zip(&self.compiled) {
            send_input(&[interpreted, compiled], choices);
        }
    }

    /// Runs all of them on both engines.
    pub fn run(&self, surroundings: &Surroundings, choices: &mut Choices) {
        let mut region = surroundings.region();
        let mut fields = surroundings.fields.clone();
        let mut r0 = 0;
        for codelet in &self.interpreted {
            let mut input = Input {
                fields: &mut fields,
                region: region.bytes_mut(),
            };
            r0 = interpreter::run(codelet, &mut input, &mut ())
                .unwrap_or_else(|fault| panic!("{fault}\n{}", listings(&self.interpreted)))
                .r0;
        }
        self.compare(surroundings, (r0, region.bytes(), &fields), choices);
    }

    /// Runs the machine code, and compares with what the interpreter left.
    pub fn compare(
        &self,
        surroundings: &Surroundings,
        (r0, region, fields): (u64, &[u8], &[u8]),
        choices: &mut Choices,
    ) {
        let Some(native) = &self.native else { return };
        let mut ours = surroundings.region();
        let mut our_fields = surroundings.fields.clone();
        let mut input = Input {
            fields: &mut our_fields,
            region: ours.bytes_mut(),
        };
        let our_r0 = native.call(&mut input).unwrap();
        if !self.repeatable {
            return;
        }
        if our_r0 != r0 {
            self.differ(&format!("r0: {our_r0:#x} natively, {r0:#x} interpreted"));
        }
        if ours.bytes() != region {
            self.differ("the region");
        }
        if our_fields != fields {
            self.differ("the fields");
        }
        // Now and then only, so that rings fill up.
        let with_channels = choices.chance(50);
        for (interpreted, compiled) in self.interpreted.iter().zip(&self.compiled) {
            for (one, other) in interpreted.maps().iter().zip(compiled.maps()) {
                if one.def().kind.is_channel() && !with_channels {
                    continue;
                }
                if contents(one) != contents(other) {
                    self.differ(&format!("map {} of {}", one.def().name, compiled.name()));
                }
            }
        }
    }

    fn differ(&self, what: &str) -> ! {
        panic!(
            "native and interpreted differ in {what}\n{}",
            listings(&self.compiled)
        );
    }
}

fn listings(codelets: &[Arc<BoundCodelet>]) -> String {
    codelets
        .iter()
        .map(|codelet| {
            let program = codelet.program().program();
            format!("{}\n{}", program.name, listing(program))
        })
        .collect()
}
