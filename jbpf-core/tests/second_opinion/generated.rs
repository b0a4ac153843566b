//! The second opinion on the fuzzer's programs: those of `soundness`, without their loops
//! (`unrolling`).
//!
//! If ours accepts a program and prevail rejects it, prevail is told the fact that it misses at
//! the place where it stopped (`telling`), and asked again. This goes on until it accepts, or
//! stops for a reason that is its own. Each kind of fact is a `Reason`, recognised by the
//! instruction and by prevail's message. All else is unexplained.
//!
//! `JBPF_FUZZ_SEED` and `JBPF_FUZZ_CASES` choose other programs, and more, as for `soundness`.
//! Loops as they are would cost prevail seconds to minutes each, and most it refuses for their
//! counters, as `explanations` says of the codelets.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::mem::replace;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use jbpf_verifier::program::{BranchOutcome, Fact};
use jbpf_verifier::report::{Code, disassemble};
use jbpf_verifier::types::HelperTable;
use jbpf_verifier::{Limits, Program, RawInsn, Record, VerifiedProgram, verify, verify_recorded};

use crate::choices::Choices;
use crate::feature::Feature;
use crate::prevail_platform::{Opinion, Refusal};
use crate::program::Case as Generated;
use crate::programs::Case;
use crate::telling::{self, Telling};
use crate::unrolling::{Unrolled, unroll};

/// Programs to generate. A third of them has no loops.
const CASES: u64 = 2000;
/// Prevail is asked about one in so many programs with loops: without its loops, such a program is
/// long.
const LOOPS_ASKED: u64 = 8;
/// How long prevail may think about a program: it takes some milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why prevail rejects a program that ours accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// It lost the bounds of a number: they come from a remainder, from 32 bits, from constant
    /// data, or from only some paths. It accepts the accesses once it is told of them.
    /// (`soundness` checks by execution that they hold.)
    Bounds,
    /// It knows packets of unknown size only; here the context promises a size, or fixes it.
    SizeOfRegion,
    /// To prevail an or of a pointer is a number; ours knows that the bits are clear, so that it
    /// is a sum.
    OrAsSum,
    /// It refuses to subtract pointers into map values, and pointers that may be outside of their
    /// memory.
    DistanceOfPointers,
    /// It refuses to compare pointers into map values with each other, and pointers that may be
    /// outside of their memory. Ours takes them for addresses. Addresses in one object have an
    /// order, and a comparison bounds the index in one of them.
    ComparedPointers,
    /// The rest of the region behind a variable pointer is a number. It does not relate that
    /// number to the pointer.
    LeftOfRegion,
    /// A pointer that is at most the end of the region and is not the end lies before it; so does
    /// one with an index below the rest. Prevail learns neither from such comparisons.
    BeforeTheEnd,
    /// The low halves of two addresses are subtracted. To prevail half of an address is no number.
    HalvesOfAddresses,
    /// It knows that a map value's address is not null, but not how far it is from null: after a
    /// step back it may be null.
    BackFromNull,
    /// It does not see that a number equals itself, or its copy in 32 bits.
    ComparedCopies,
    /// It has no way to subtract the least immediate.
    LeastImmediate,
    /// Different paths bring different maps to one call. Prevail joins their sizes; ours checks
    /// each path.
    JoinedMaps,
    /// A pointer that was found to be null is the number 0 to ours. To prevail it stays a pointer.
    NullAsNumber,
    /// A helper is given a map of a kind that the application has defined. Prevail knows built-in
    /// kinds alone.
    MapOfApplication,
}

impl Reason {
    /// Prevail goes no further, as it cannot be told better.
    fn is_final(self) -> bool {
        matches!(
            self,
            Self::ComparedPointers
                | Self::LeftOfRegion
                | Self::BeforeTheEnd
                | Self::HalvesOfAddresses
                | Self::BackFromNull
                | Self::JoinedMaps
                | Self::MapOfApplication
                | Self::NullAsNumber
        )
    }
}

/// A program that ours accepts.
struct Accepted<'a> {
    generated: &'a Generated,
    /// For each instruction, the instruction of the fuzzer that it comes from.
    origins: &'a [usize],
    case: &'a Case,
    verified: VerifiedProgram,
    record: Record,
}

impl Accepted<'_> {
    /// The facts that prevail must be told to accept the program too, or the refusal that remains.
    fn reasons(&self) -> Result<Vec<Reason>, Refusal> {
        let mut telling = Telling::default();
        let mut reasons = Vec::new();
        let program = returning(&self.case.program);
        loop {
            let told = telling.tell(&program, &self.case.context, &self.record);
            let Err(refusal) = ask(&Case {
                program: told.program,
                ..self.case.clone()
            }) else {
                return Ok(reasons);
            };
            let insn = refusal
                .insn
                .and_then(|insn| told.origins.get(insn).copied());
            let refusal = Refusal { insn, ..refusal };
            let Some(reason) = self.learn(&mut telling, &refusal) else {
                return Err(refusal);
            };
            reasons.push(reason);
            if reason.is_final() {
                return Ok(reasons);
            }
        }
    }

    /// Tells prevail the fact that it misses at the place where it stopped. `None` if the fact is
    /// no known one, or prevail was told already.
    fn learn(&self, telling: &mut Telling, refusal: &Refusal) -> Option<Reason> {
        let says = |text| refusal.message.contains(text);
        if says("cannot be negated for SUB") {
            let is_new = !replace(&mut telling.least_immediate, true);
            return is_new.then_some(Reason::LeastImmediate);
        }
        let at = refusal.insn?;
        let insn = &self.case.program.insns[at];
        if telling::is_helper_call(insn) && says("size is not singleton") {
            return Some(Reason::JoinedMaps);
        }
        if telling::is_helper_call(insn) && says("is not allowed for map_") {
            return Some(Reason::MapOfApplication);
        }
        if telling::is_narrow_move(insn) && self.is_pointer(at, insn.src) {
            return Some(Reason::HalvesOfAddresses);
        }
        let wants_number = |register| {
            refusal
                .message
                .contains(&format!("r{register}.type == number"))
        };
        if let Some(register) = (0..10).find(|register| wants_number(*register))
            && self.record.number_range(at, register) == Some((0, 0))
        {
            return Some(Reason::NullAsNumber);
        }
        if telling::is_jump(insn)
            && (says("for comparison/subtraction") || says("Cannot subtract pointers"))
        {
            return Some(Reason::ComparedPointers);
        }
        if telling::is_wide_or(insn) && self.is_pointer(at, insn.dst) {
            return telling.sums.insert(at).then_some(Reason::OrAsSum);
        }
        if telling::is_difference(insn)
            && self.is_pointer(at, insn.dst)
            && self.is_pointer(at, insn.src)
        {
            let is_new = telling.distances.insert(at);
            return is_new.then_some(Reason::DistanceOfPointers);
        }
        let reads_memory = telling::is_access(insn) || telling::is_helper_call(insn);
        if reads_memory && !replace(&mut telling.bounds, true) {
            return Some(Reason::Bounds);
        }
        if self.case.context.region.known_size > 0 && !replace(&mut telling.region, true) {
            return Some(Reason::SizeOfRegion);
        }
        let is_left = |feature| self.has(feature, at);
        if says("packet_size")
            && (is_left(Feature::LeftOfRegion) || is_left(Feature::LeftOfRegion32))
        {
            return Some(Reason::LeftOfRegion);
        }
        let before_the_end = [
            Feature::WalkToTheEnd,
            Feature::LastOfLength,
            Feature::IndexBelowLength,
            Feature::ComparedAgain,
        ];
        if says("packet_size") && before_the_end.into_iter().any(is_left) {
            return Some(Reason::BeforeTheEnd);
        }
        if says("Possible null access") && self.went_back(at) {
            return Some(Reason::BackFromNull);
        }
        let before = telling.of_equals.len();
        let insns = 0..self.case.program.insns.len();
        let of_equals = insns.filter(|at| self.compares_equals(*at));
        telling.of_equals.extend(of_equals);
        (telling.of_equals.len() > before).then_some(Reason::ComparedCopies)
    }

    /// Whether it compares numbers that are equal, as far as ours knows.
    fn compares_equals(&self, at: usize) -> bool {
        let insn = &self.case.program.insns[at];
        let outcome = if telling::holds_of_equals(insn) {
            BranchOutcome::Always
        } else {
            BranchOutcome::Never
        };
        telling::compares_registers(insn)
            && !self.is_pointer(at, insn.dst)
            && !self.is_pointer(at, insn.src)
            && self.verified.facts()[at] == Fact::Branch(outcome)
    }

    /// Whether a register that an instruction reads is no number there.
    fn is_pointer(&self, at: usize, register: u8) -> bool {
        self.record.number_range(at, register.into()).is_none()
    }

    fn has(&self, feature: Feature, insn: usize) -> bool {
        let mut uses = self.generated.uses.iter();
        let origin = self.origins.get(insn).copied();
        uses.any(|used| used.feature == feature && Some(used.insn) == origin)
    }

    /// Whether the address that an instruction accesses was just moved by a number that is
    /// subtracted, or may be negative.
    fn went_back(&self, at: usize) -> bool {
        let (before, access) = (
            &self.case.program.insns[at - 1],
            &self.case.program.insns[at],
        );
        let by = self.record.number_range(at - 1, before.src.into());
        let is_back = match by {
            Some((least, _)) if telling::is_sum(before) => least < 0,
            Some(_) => telling::is_difference(before),
            None => false,
        };
        is_back && before.dst == telling::address(access)
    }
}

/// Prevail's opinion, which has to come in time.
fn ask(case: &Case) -> Opinion {
    let (sender, receiver) = mpsc::channel();
    let asked = Case {
        program: returning(&case.program),
        ..case.clone()
    };
    thread::spawn(move || sender.send(crate::their_opinion(&asked)));
    receiver
        .recv_timeout(PATIENCE)
        .unwrap_or_else(|_| panic!("{}: no answer from prevail", case.name))
}

/// The program with an exit in place of each call of `abort`: prevail takes every helper to
/// return.
fn returning(program: &Program) -> Program {
    let mut program = program.clone();
    for at in 1..program.insns.len() {
        let is_abort = telling::is_helper_call(&program.insns[at]) && program.insns[at].imm == 31;
        if is_abort {
            program.insns[at] = RawInsn {
                opcode: 0x95,
                ..RawInsn::default()
            };
            // The kind of the abort becomes the answer.
            if program.insns[at - 1].opcode == 0xb7 {
                program.insns[at - 1].dst = 0;
            }
        }
    }
    program
}

fn has_loops(program: &Program) -> bool {
    let mut insns = program.insns.iter();
    insns.any(|insn| telling::is_jump(insn) && insn.off < 0)
}

fn listing(case: &Case) -> String {
    (0..case.program.insns.len()).fold(String::new(), |mut text, at| {
        let _ = writeln!(
            text,
            "    {at}: {}",
            disassemble(&case.program, &case.helpers, at)
        );
        text
    })
}

/// Why ours rejects a program that prevail accepts, as far as the code tells it.
fn scruple(code: Code) -> &'static str {
    match code {
        Code::MapValueNotWritable => "prevail cannot be told that .rodata may only be read",
        Code::PointerPartial => "to prevail a part of an address is a number; it leaks",
        Code::PointerLeak => "prevail lets atomic operations make numbers of addresses",
        Code::UnalignedAtomic => "prevail asks for no alignment",
        Code::NullDereference | Code::NotAPointer => {
            "prevail takes what null became by an addition for an address"
        }
        Code::UninitialisedStack => {
            "ours wants what a helper may fill at a variable offset written before"
        }
        Code::RegionOutOfBounds | Code::Unbounded => {
            "ours knows no upper bound of the region: a branch is dead, or 32 bits are enough for a distance"
        }
        _ => "seldom",
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

/// The verdicts on the programs.
#[derive(Default)]
struct Summary {
    /// Those with loops that are not asked about, or too long without them.
    not_asked: u64,
    /// Those with loops that are.
    unrolled: u64,
    both_accept: u64,
    both_reject: u64,
    /// By the reasons why prevail rejects them.
    accepted_by_us_alone: BTreeMap<Vec<Reason>, u64>,
    /// By the code of our report, and why prevail sees nothing wrong.
    rejected_by_us_alone: BTreeMap<String, (u64, &'static str)>,
    unexplained: Vec<String>,
}

impl Summary {
    fn add(&mut self, seed: u64, generated: &Generated) {
        let with_loops = has_loops(&generated.program);
        let unrolled = if with_loops && !seed.is_multiple_of(LOOPS_ASKED) {
            None
        } else {
            unroll(&generated.program)
        };
        let Some(Unrolled { program, origins }) = unrolled else {
            self.not_asked += 1;
            return;
        };
        let case = Case {
            name: generated.program.name.clone(),
            program: program.clone(),
            context: (*generated.context).clone(),
            helpers: HelperTable::builtin(),
        };
        let helpers = Arc::new(case.helpers.clone());
        let (program, context) = (Arc::new(program), &generated.context);
        let ours = verify_recorded(&program, context, &helpers, Limits::default());
        if with_loops && let Err(rejection) = &ours {
            if matches!(rejection.code, Code::TooComplex | Code::OutOfMemory) {
                // In loops, paths are merged.
                self.not_asked += 1;
                return;
            }
            let with_loops = verify(&generated.program, context, &helpers);
            assert!(
                with_loops.is_err(),
                "{}: accepted with its loops; without them: {rejection}\n{}",
                case.name,
                listing(&case)
            );
        }
        self.unrolled += u64::from(with_loops);
        match (ours, ask(&case)) {
            (Ok(_), Ok(())) => self.both_accept += 1,
            (Err(_), Err(_)) => self.both_reject += 1,
            (Err(rejection), Ok(())) => {
                println!("{}: rejected by us alone: {rejection}", case.name);
                let code = format!("{:?}", rejection.code);
                let (count, _) = self
                    .rejected_by_us_alone
                    .entry(code)
                    .or_insert((0, scruple(rejection.code)));
                *count += 1;
            }
            (Ok((verified, record)), Err(_)) => {
                let accepted = Accepted {
                    generated,
                    origins: &origins,
                    case: &case,
                    verified,
                    record,
                };
                match accepted.reasons() {
                    Ok(mut reasons) => {
                        reasons.sort();
                        reasons.dedup();
                        *self.accepted_by_us_alone.entry(reasons).or_default() += 1;
                    }
                    Err(refusal) => self.unexplained.push(format!(
                        "{}: accepted by us; prevail, at {:?} of the program: {}\n{}",
                        case.name,
                        refusal.insn,
                        refusal.message,
                        listing(&case)
                    )),
                }
            }
        }
    }

    fn print(&self) {
        println!(
            "{} accepted and {} rejected by both; {} with loops, unrolled, and not asked about {}",
            self.both_accept, self.both_reject, self.unrolled, self.not_asked
        );
        let alone = self.accepted_by_us_alone.values().sum::<u64>();
        println!("{alone} accepted by us alone, because of:");
        for (reasons, count) in &self.accepted_by_us_alone {
            println!("{count:>7} {reasons:?}");
        }
        let alone = self.rejected_by_us_alone.values();
        let alone = alone.map(|(count, _)| count).sum::<u64>();
        println!("{alone} rejected by us alone, as:");
        for (code, (count, why)) in &self.rejected_by_us_alone {
            println!("{count:>7} {code}: {why}");
        }
    }
}

#[test]
fn every_disagreement_with_prevail_on_generated_programs_is_explained() {
    let first = setting("JBPF_FUZZ_SEED", 1);
    let cases = setting("JBPF_FUZZ_CASES", CASES);
    let mut summary = Summary::default();
    for seed in first..first + cases {
        let mut choices = Choices::from_seed(seed);
        summary.add(seed, &Generated::new(&format!("seed {seed}"), &mut choices));
    }
    summary.print();
    let unexplained = &summary.unexplained;
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    if cases >= CASES {
        // Enough of either sort to agree on.
        assert!(summary.both_accept > cases / 10, "{}", summary.both_accept);
        assert!(summary.both_reject > cases / 20, "{}", summary.both_reject);
        assert!(summary.unrolled > cases / 20, "{}", summary.unrolled);
    }
}
