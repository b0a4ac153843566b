//! The test vectors of the instruction set (RFC 9669), through the verifier and both engines.
//!
//! `CONFORMANCE_TSV` names the files, separated by `:`; without it, it is
//! `tests/data/conformance.tsv`. Each line has six columns: name, ISA version, program, memory, r0
//! and error, the middle ones in hexadecimal. r1 points at the memory and r2 is its length. A line
//! with an error must be rejected.
//!
//! The last line printed is `N passed, M failed`; the test fails unless M is 0.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use jbpf_core::builtins;
use jbpf_core::engine::{BoundCodelet, CodeletEnvironment, Engine, Input, interpreter};
use jbpf_hooks::hook::HookKind;
use jbpf_verifier::types::{ContextDef, HelperTable};
use jbpf_verifier::{Program, RawInsn};

/// The default path of the corpus, below this package.
const DEFAULT: &str = "data/conformance.tsv";

fn main() -> ExitCode {
    let files = files();
    let mut passed = 0;
    let mut failed = 0;
    for file in files {
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) => {
                println!("FAILED {}: {error}", file.display());
                failed += 1;
                continue;
            }
        };
        for (number, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            match Vector::parse(line).and_then(|vector| vector.check()) {
                Ok(()) => passed += 1,
                Err(why) => {
                    let name = line.split('\t').next().unwrap_or_default();
                    println!("FAILED {}:{}: {name}: {why}", file.display(), number + 1);
                    failed += 1;
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn files() -> Vec<PathBuf> {
    match std::env::var("CONFORMANCE_TSV") {
        Ok(named) if !named.is_empty() => named.split(':').map(PathBuf::from).collect(),
        _ => vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(DEFAULT)],
    }
}

/// One line of a file.
struct Vector {
    name: String,
    insns: Vec<RawInsn>,
    memory: Vec<u8>,
    expected: Expected,
}

enum Expected {
    R0(u64),
    Rejected,
}

impl Vector {
    fn parse(line: &str) -> Result<Self, String> {
        let columns: Vec<&str> = line.split('\t').map(str::trim).collect();
        let &[name, _isa, program, memory, r0, ref error @ ..] = &columns[..] else {
            return Err(format!("{} columns instead of 6", columns.len()));
        };
        let program = bytes(program)?;
        if program.is_empty() || program.len() % 8 != 0 {
            return Err(format!(
                "{} bytes are not whole instructions",
                program.len()
            ));
        }
        let is_error = error.first().is_some_and(|error| !error.is_empty());
        Ok(Self {
            name: name.to_owned(),
            insns: program
                .chunks_exact(8)
                .map(|slot| RawInsn::from_bytes(slot.try_into().unwrap()))
                .collect(),
            memory: bytes(memory)?,
            expected: if is_error {
                Expected::Rejected
            } else {
                let digits = r0.trim_start_matches("0x");
                Expected::R0(
                    u64::from_str_radix(digits, 16).map_err(|e| format!("r0 {r0:?}: {e}"))?,
                )
            },
        })
    }

    fn check(&self) -> Result<(), String> {
        let program = Program {
            name: self.name.clone(),
            insns: self.insns.clone(),
            ..Program::default()
        };
        let context = Arc::new(ContextDef::memory(self.memory.len() as u64));
        let helpers = Arc::new(HelperTable::builtin());
        let verified = jbpf_verifier::verify(&Arc::new(program), &context, &helpers);
        let (verified, expected) = match (verified, &self.expected) {
            (Err(_), Expected::Rejected) => return Ok(()),
            (Err(rejection), Expected::R0(_)) => return Err(format!("rejected: {rejection}")),
            (Ok(_), Expected::Rejected) => return Err("accepted, but it is an error".to_owned()),
            (Ok(verified), Expected::R0(r0)) => (verified, *r0),
        };
        let helpers = builtins::bindings(helpers, []).map_err(|error| error.to_string())?;
        let environment = Arc::new(CodeletEnvironment {
            name: self.name.clone(),
            runtime_threshold_ns: 0,
        });
        let codelet = BoundCodelet::bind(verified, Vec::new(), Arc::new(helpers), environment)
            .map_err(|error| error.to_string())?;
        let codelet = Arc::new(codelet);

        let mut memory = Memory::new(&self.memory);
        let outcome = interpreter::run(&codelet, &mut memory.input(), &mut ())
            .map_err(|error| format!("interpreter: {error}"))?;
        if outcome.r0 != expected {
            return Err(format!(
                "interpreter: r0 is {:#x}, not {expected:#x}",
                outcome.r0
            ));
        }

        let hook = Engine::Native
            .compile(HookKind::Control, &[codelet], None)
            .map_err(|error| format!("native: {error}"))?;
        let mut native_memory = Memory::new(&self.memory);
        let r0 = hook
            .call(&mut native_memory.input())
            .map_err(|error| format!("native: {error}"))?;
        if r0 != expected {
            return Err(format!("native: r0 is {r0:#x}, not {expected:#x}"));
        }
        if native_memory.bytes() != memory.bytes() {
            return Err(format!(
                "the engines leave different memory: native {:02x?}, interpreter {:02x?}",
                native_memory.bytes(),
                memory.bytes()
            ));
        }
        Ok(())
    }
}

/// Bytes at an address that is a multiple of eight.
struct Memory {
    words: Vec<u64>,
    len: usize,
}

impl Memory {
    fn new(bytes: &[u8]) -> Self {
        let words = bytes.chunks(8).map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_ne_bytes(word)
        });
        Self {
            words: words.collect(),
            len: bytes.len(),
        }
    }

    fn bytes(&self) -> &[u8] {
        &zerocopy::IntoBytes::as_bytes(&self.words[..])[..self.len]
    }

    fn input(&mut self) -> Input<'_> {
        Input {
            fields: &mut [],
            region: &mut zerocopy::IntoBytes::as_mut_bytes(&mut self.words[..])[..self.len],
        }
    }
}

fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    let hex: String = hex.chars().filter(|c| !c.is_whitespace()).collect();
    (0..hex.len())
        .step_by(2)
        .map(|at| {
            let digits = hex.get(at..at + 2).ok_or("an odd number of digits")?;
            u8::from_str_radix(digits, 16).map_err(|e| format!("{digits:?}: {e}"))
        })
        .collect()
}
