//! The verifier of jbpf: bytecode and the types around it in; a [`VerifiedProgram`], or a
//! [`Rejection`] that says why not, out.
//!
//! It knows no runtime, holds no unsafe code, and can be used offline and fuzzed on its own.
//!
//! The rooms, from the instruction to the whole program: `insn` is the gate, `flow` the shape of the
//! code; `number`, `value`, `stack` and `state` hold what is known; `step` executes one instruction on
//! that, by the model of `addresses`; `path` and `proven` remember what proofs rested on, `archive` finds them again, `join` covers
//! many states by one; `explore` walks all paths, and `findings` gathers what holds on each. `work` says what calls
//! of helpers count for.

#![forbid(unsafe_code)]

pub mod addresses;
mod archive;
mod explore;
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

/// Verifies a program against the context that it will be given and the helpers that it may call.
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

/// [`verify`] with other limits than the usual ones.
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

/// [`verify_with`], and a record of what every register may hold before each instruction. It takes
/// longer, because states are compared in everything; meant for tests of the verifier.
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
