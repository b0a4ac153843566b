//! Whether machine code can trap.

use std::sync::Arc;

use jbpf_core::engine::native::list_dispatch_with;
use jbpf_core::engine::{BoundCodelet, CompileOptions};
use jbpf_hooks::hook::HookKind;

/// Instructions of Cranelift that trap, or may.
const IR: [&str; 9] = [
    "trap ",
    "trapz ",
    "trapnz ",
    "debugtrap",
    "uadd_overflow_trap",
    "resumable_trap",
    "bounds_check",
    "unreachable",
    "call_indirect_checked",
];

/// Instructions of the machines that are there to trap.
const MACHINE: [&str; 7] = ["ud2", "int3", "hlt", "udf", "brk", "ebreak", "unimp"];

/// Looks at all functions of a codelet, compiled with guards and without. No instruction traps:
/// the only ones that could are divisions, and no divisor has a value that traps.
pub fn assert_none(codelet: &Arc<BoundCodelet>) {
    for guard_accesses in [false, true] {
        let options = CompileOptions {
            guard_accesses,
            ..CompileOptions::default()
        };
        let codelets = std::slice::from_ref(codelet);
        let listing = list_dispatch_with(HookKind::Control, codelets, None, options).unwrap();
        for function in &listing.functions {
            let name = format!("{} of {}", function.name, codelet.name());
            let divisions = function
                .traps
                .iter()
                .all(|trap| matches!(trap.as_str(), "int_divz" | "int_ovf"));
            assert!(divisions, "{name}: {:?}", function.traps);
            assert!(!function.assembly.is_empty(), "{name} is listed");
            let mut ir = function.ir.lines().map(after_result);
            let trap = ir.find(|line| IR.iter().any(|trap| line.starts_with(trap)));
            assert_eq!(trap, None, "{name}");
            let mut assembly = function.assembly.lines().map(str::trim);
            let trap = assembly.find(|line| MACHINE.contains(&first_word(line)));
            assert_eq!(trap, None, "{name}");
        }
    }
}

/// A line of IR without the values that its instruction defines.
fn after_result(line: &str) -> &str {
    line.split_once(" = ").map_or(line, |(_, rest)| rest).trim()
}

fn first_word(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or_default()
}
