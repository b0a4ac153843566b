//! The verifier of jbpf. It takes bytecode and the types around it, and returns a
//! [`VerifiedProgram`], or a [`Rejection`] that says why not.
//!
//! It knows no runtime and holds no unsafe code. It can be used offline and fuzzed on its own.
//!
//! The rooms, from the instruction to the whole program: `insn` is the gate, and `flow` finds the
//! shape of the code. `number`, `value`, `stack` and `state` hold the known values, and `facts`
//! holds the known inequalities between numbers and the region's size. `step` executes
//! one instruction on a state, by the model of `addresses`. `path` and `proven` remember the needs
//! of proofs, and `archive` finds proofs again. `join` and `hull` cover several states by one.
//! `explore` walks all paths, and `findings` gathers the facts that hold on each. `record` keeps
//! the values of registers for tests. `work` says how helpers' work is counted.

#![forbid(unsafe_code)]

pub mod addresses;
mod archive;
pub mod bug;
mod explore;
mod facts;
mod fault;
mod findings;
mod flow;
mod hull;
mod insn;
mod join;
mod number;
mod path;
pub mod program;
mod proven;
mod record;
pub mod report;
pub mod scalar;
mod stack;
mod state;
mod step;
pub mod types;
mod value;
mod work;

use std::sync::Arc;

use explore::{Explorer, Manner};
use report::build::Places;
use types::{ContextDef, HelperTable};

pub use explore::Limits;
pub use insn::{MAX_INSTRUCTIONS, MAX_MAPS};
pub use program::{Program, RawInsn, VerifiedProgram};
pub use record::{Record, Starts};
pub use report::Rejection;

/// Verifies a program against the context that it will get and the helpers that it may call.
///
/// # Errors
///
/// A [`Rejection`] says what could not be proven, where, and what to try.
pub fn verify(
    program: &Arc<Program>,
    context: &Arc<ContextDef>,
    helpers: &Arc<HelperTable>,
) -> Result<VerifiedProgram, Box<Rejection>> {
    verify_with(program, context, helpers, Limits::default())
}

/// Verifies like [`verify`], with other limits.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_with(
    program: &Arc<Program>,
    context: &Arc<ContextDef>,
    helpers: &Arc<HelperTable>,
    limits: Limits,
) -> Result<VerifiedProgram, Box<Rejection>> {
    verify_as(program, context, helpers, limits, Manner::Usual)
}

/// Verifies like [`verify_with`], and records the values that every register may hold before each
/// instruction. It takes longer, because states are compared in everything. It is meant for tests
/// of the verifier.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_recorded(
    program: &Arc<Program>,
    context: &Arc<ContextDef>,
    helpers: &Arc<HelperTable>,
    limits: Limits,
) -> Result<(VerifiedProgram, Record), Box<Rejection>> {
    let mut record = Record::new(program.insns.len());
    let manner = Manner::Recorded(&mut record);
    let verified = verify_as(program, context, helpers, limits, manner)?;
    Ok((verified, record))
}

fn verify_as(
    program: &Arc<Program>,
    context: &Arc<ContextDef>,
    helpers: &Arc<HelperTable>,
    limits: Limits,
    manner: Manner<'_>,
) -> Result<VerifiedProgram, Box<Rejection>> {
    let places = Places { program, helpers };
    let subject = step::Subject::new(program, context, helpers).map_err(|e| places.gate(e))?;
    let explored = Explorer::new(&subject, limits, manner).run();
    let success = explored.map_err(|failure| places.failure(failure, &subject))?;
    places.check_limit(context, &success)?;
    Ok(VerifiedProgram {
        program: Arc::clone(program),
        context: Arc::clone(context),
        helpers: Arc::clone(helpers),
        summary: success.summary(),
        functions: success.findings.functions(&subject.flow),
        facts: success.findings.facts().to_vec(),
        objects: success.findings.objects().clone(),
    })
}
