//! One program, verified as usual and with every path followed to its end.

use std::sync::Arc;

use jbpf_verifier::program::{BranchOutcome, Fact, MemorySpace, VerifiedFunction};
use jbpf_verifier::report::{Code, disassemble};
use jbpf_verifier::types::{ContextDef, HelperTable};
use jbpf_verifier::{Limits, Program, Rejection, VerifiedProgram, verify_with};

/// The results of the programs.
#[derive(Debug, Default)]
pub struct Tally {
    pub accepted: u64,
    /// Accepted both ways, with the same findings.
    pub alike: u64,
    /// Accepted both ways, with paths merged.
    pub merged: u64,
    /// Accepted, and with too many paths to follow each.
    pub endless: u64,
}

fn judge(
    program: &Arc<Program>,
    exhaustive: bool,
    instructions: u64,
) -> Result<VerifiedProgram, Box<Rejection>> {
    let limits = Limits {
        exhaustive,
        instructions,
        ..Limits::default()
    };
    let (context, helpers) = (ContextDef::generic(), HelperTable::builtin());
    verify_with(program, &Arc::new(context), &Arc::new(helpers), limits)
}

/// Whether the program is accepted as usual.
pub fn is_accepted(program: Program) -> bool {
    judge(&Arc::new(program), false, 50_000).is_ok()
}

/// Panics if the program is accepted and should not be, or if a finding differs from all its
/// paths.
pub fn hold(program: &Arc<Program>, name: &str, tally: &mut Tally) {
    let Ok(usual) = judge(program, false, 50_000) else {
        return;
    };
    tally.accepted += 1;
    let exact = match judge(program, true, 100_000) {
        Ok(exact) => exact,
        Err(rejection) if rejection.code == Code::TooComplex => {
            tally.endless += 1;
            return;
        }
        Err(rejection) => panic!(
            "{name}: accepted, and path by path {rejection} at {}, {:?}\n{}",
            rejection.insn,
            rejection.obligation,
            listing(program)
        ),
    };
    let merged = usual.summary().merged > 0;
    if let Err(what) = compare(&usual, &exact, merged) {
        panic!("{name}: {what}\n{}", listing(program));
    }
    tally.alike += u64::from(!merged);
    tally.merged += u64::from(merged);
}

/// With merged paths, the findings may be wider than all paths show, and are never narrower.
/// Otherwise, they are the same.
fn compare(usual: &VerifiedProgram, exact: &VerifiedProgram, merged: bool) -> Result<(), String> {
    for (at, (found, shown)) in usual.facts().iter().zip(exact.facts()).enumerate() {
        let fits = if merged {
            allows(*found, *shown)
        } else {
            found == shown
        };
        if !fits {
            return Err(format!(
                "at {at}, {found:?} is found, and paths show {shown:?}"
            ));
        }
    }
    for (found, shown) in usual.functions().iter().zip(exact.functions()) {
        let fits = if merged {
            found.stack_size >= shown.stack_size && zeroed(shown).is_subset(&zeroed(found))
        } else {
            found == shown
        };
        if !fits {
            return Err(format!("{found:?} is found, and paths show {shown:?}"));
        }
    }
    let (found, shown) = (usual.summary(), exact.summary());
    let fits = if merged {
        found.stack_bytes >= shown.stack_bytes
            && shown.helpers.iter().all(|id| found.helpers.contains(id))
            && shown.maps.iter().all(|map| found.maps.contains(map))
    } else {
        (found.stack_bytes, &found.helpers, &found.maps)
            == (shown.stack_bytes, &shown.helpers, &shown.maps)
    };
    if !fits || found.worst_case_instructions < shown.worst_case_instructions {
        return Err(format!("{found:?} is found, and paths show {shown:?}"));
    }
    Ok(())
}

/// Whether one fact allows every run that the other allows.
fn allows(found: Fact, shown: Fact) -> bool {
    found == shown
        || shown == Fact::Unreachable
        || match (found, shown) {
            (Fact::Branch(found), Fact::Branch(_)) => found == BranchOutcome::Both,
            (Fact::Memory(MemorySpace::Mixed), Fact::Memory(_)) => true,
            (Fact::Memory(found), Fact::Memory(shown)) => {
                (found, shown) == (MemorySpace::MapValue, MemorySpace::PrivateValue)
            }
            (Fact::HelperCall { map }, Fact::HelperCall { .. }) => map.is_none(),
            _ => false,
        }
}

fn zeroed(function: &VerifiedFunction) -> std::collections::BTreeSet<i32> {
    let ranges = function.zero_on_entry.iter();
    ranges
        .flat_map(|range| range.offset..range.offset + range.len as i32)
        .collect()
}

fn listing(program: &Program) -> String {
    let helpers = HelperTable::builtin();
    let line = |at| format!("{at:4}: {}\n", disassemble(program, &helpers, at));
    (0..program.insns.len()).map(line).collect()
}
