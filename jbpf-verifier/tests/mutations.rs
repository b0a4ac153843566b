//! Classic verifier bugs, put back one by one. The test suite has to catch each.
//!
//! ```sh
//! cargo test -p jbpf-verifier --test mutations -- --ignored --nocapture
//! ```
//!
//! copies the workspace to `target/mutations`. For each bug in the table, it replaces the text in
//! the copy, builds it, and runs the crate's tests, of which one must fail: `classics.rs` first,
//! then the rules, then all others. It takes some minutes. With `JBPF_MUTATION=merged,half`, it
//! puts back only bugs whose names have one of these words. Every ordinary run checks that the
//! replaced texts are still there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A bug, as a change of one piece of text that occurs once under `src`.
struct Mutation {
    /// The wrong belief of the mutated verifier.
    name: &'static str,
    before: &'static str,
    after: &'static str,
}

const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "a 32-bit result keeps the high half",
        before: "Self::from_low(Word::alu(op, &lhs.low, &rhs.low))",
        after: "Self::result(Word::alu(op, &lhs.full, &rhs.full), Word::alu(op, &lhs.low, &rhs.low))",
    },
    Mutation {
        name: "a number below a bound may be the bound",
        before: "let above = Self::unsigned_range(lhs.umin().checked_add(1)?, Self::MAX)?;",
        after: "let above = Self::unsigned_range(lhs.umin().checked_add(2)?, Self::MAX)?;",
    },
    Mutation {
        name: "a signed comparison bounds unsigned numbers",
        before: "JumpCond::Slt => Self::assume_signed_less(lhs, rhs),",
        after: "JumpCond::Slt => Self::assume_less(lhs, rhs),",
    },
    Mutation {
        name: "a 32-bit comparison bounds all 64 bits",
        before: "Some((Self::new(lhs.full, a)?, Self::new(rhs.full, b)?))",
        after: "Some((Self::from_low(a), Self::from_low(b)))",
    },
    Mutation {
        name: "sums do not wrap",
        before: "if last - first >= 1 << BITS {",
        after: "if last - first >= 1 << (BITS + 1) {",
    },
    Mutation {
        name: "an or of unknown bits is no larger than its operands",
        before: "largest = value | y.last;",
        after: "largest = x.last.max(y.last);",
    },
    Mutation {
        name: "the immediate of a store is not sign-extended",
        before: "self.no_src()?;
                    Operand::Imm(i64::from(self.raw.imm) as u64)
                };
                Ok(Insn::Store {",
        after: "self.no_src()?;
                    Operand::Imm(u64::from(self.raw.imm as u32))
                };
                Ok(Insn::Store {",
    },
    Mutation {
        name: "control goes on behind an abort",
        before: "(ReturnKind::Never, _) => return Ok(Outcome::End),",
        after: "(ReturnKind::Never, _) => Kind::number(Number::unknown()),",
    },
    Mutation {
        name: "a function may end in the call of any helper",
        before: "Self::Exit | Self::Jump { .. } | Self::CallHelper { returns: false, .. }",
        after: "Self::Exit | Self::Jump { .. } | Self::CallHelper { .. }",
    },
    Mutation {
        name: "r1 to r5 survive a helper call",
        before: "for reg in Reg::ARGUMENTS {
            self.state.set_register(reg, Value::UNINIT);
        }",
        after: "",
    },
    Mutation {
        name: "a state proves others before it is proven itself",
        before: "self.path.push(state, label);",
        after: "self.path.push(state, label);
        if let Some(open) = self.path.open().last() {
            let place = crate::archive::place_key(&open.state);
            self.archive.add(crate::proven::Proven::new(open), place);
        }",
    },
    Mutation {
        name: "a proof of one number holds for every number",
        before: "(Kind::Number(_), Kind::Number(_)) if need == Need::Shape => true,",
        after: "(Kind::Number(_), Kind::Number(_)) if need == Need::Shape || old != new => true,",
    },
    Mutation {
        name: "a proof of a pointer holds for one that may be null",
        before: "if old.space != new.space || new.or_null && !old.or_null {",
        after: "if old.space != new.space {",
    },
    Mutation {
        name: "addresses may be compared wherever they are",
        before: "if first >= (-LOWEST_SECRET).into() && last <= FAR.into() {",
        after: "if first <= last {",
    },
    Mutation {
        name: "a proof of a number and its half holds for any two",
        before: "self.ids.forget_halves();",
        after: "",
    },
    Mutation {
        name: "a comparison with data_end proves a byte too many",
        before: "let at_most = |state: &mut State| learn(state, range, places);",
        after: "let at_most = |state: &mut State| learn(state, range + 1, places);",
    },
    Mutation {
        name: "a check for null is one of every pointer",
        before: "Kind::Pointer(p) if p.object == object && p.or_null",
        after: "Kind::Pointer(p) if p.object >= object.min(1) && p.or_null",
    },
    Mutation {
        name: "an atomic operation leaves the register that it fetches into",
        before: "AtomicOp::Combine { fetch: true } | AtomicOp::Exchange => self.set_new(src, old),",
        after: "AtomicOp::Combine { fetch: true } | AtomicOp::Exchange => {}",
    },
    Mutation {
        name: "a buffer can be used after it was sent",
        before: "self.state.release(map);",
        after: "let _ = map;",
    },
    Mutation {
        name: "a store at a variable offset changes nothing on the stack",
        before: "let made = Made {
                places,
                segment,
                origin: at,
            };
            self.frame_mut(depth)?.stack.blur(depth, start, end, made);",
        after: "let _ = at;",
    },
    Mutation {
        name: "a pointer that lost a part is still one",
        before: "[cell] if cell.start == start && matches!(cell.value.kind, Kind::Pointer(_)) => {",
        after: "[.., cell] if matches!(cell.value.kind, Kind::Pointer(_) | Kind::Uninit) => {",
    },
    Mutation {
        name: "an or moves a pointer whose bits may be set already",
        before: "if set >= align || set & offset.possible_bits() != 0 {",
        after: "if set >= align {",
    },
    Mutation {
        name: "an or moves a pointer further than its alignment is known",
        before: "if set >= align || set & offset.possible_bits() != 0 {",
        after: "if set & offset.possible_bits() != 0 {",
    },
    Mutation {
        name: "an or of a bit that may be set adds it",
        before: "if op == AluOp::Or && num.number.possible_bits() & by as u64 != 0 {",
        after: "if false {",
    },
    Mutation {
        name: "paths that wait at a loop are never followed",
        before: "if let Some(state) = next {
                        return Ok(Some((state, true)));
                    }",
        after: "drop(next);",
    },
    Mutation {
        name: "the first path that waits stands for all",
        before: "Some(next) => match hull(next, &rebased, &mut self.ids) {",
        after: "Some(next) => match hull(next, next, &mut self.ids) {",
    },
    Mutation {
        name: "a checkpoint with paths that wait behind it is proven",
        before: "if open.left_open {
            return;
        }",
        after: "",
    },
    Mutation {
        name: "what merged values were made of is what they were at the last checkpoint",
        before: "rebased.rebase(base.segment, |places| ancestry.of(places));",
        after: "rebased.rebase(base.segment, |places| places);",
    },
    Mutation {
        name: "merged numbers are those of one path",
        before: "let number = a.number.join(&b.number);
                let constant",
        after: "let number = a.number.clone();
                let constant",
    },
    Mutation {
        name: "merged numbers are their low halves",
        before: "let number = a.number.join(&b.number);
                let constant",
        after: "let number = a.number.join(&b.number);
                let number = number.narrowed(&a.number.truncate(4).join(&b.number));
                let constant",
    },
    Mutation {
        name: "merged numbers are copies if they were on one path",
        before: "link: if a.link == b.link && !constant {",
        after: "link: if !constant {",
    },
    Mutation {
        name: "a merged pointer is where one path left it",
        before: "let variable: Number = from_start(a).join(&from_start(b));",
        after: "let variable: Number = from_start(a);",
    },
    Mutation {
        name: "a merged pointer is null only if it may be on both paths",
        before: "pointer.or_null = a.or_null || b.or_null;",
        after: "pointer.or_null = a.or_null && b.or_null;",
    },
    Mutation {
        name: "merged pointers point into the object of one path",
        before: "if !same_object {
            pointer.object = self.ids.fresh();
        }",
        after: "let _ = same_object;",
    },
    Mutation {
        name: "merged bytes are written if one path wrote them",
        before: "other.check_readable(start, end).ok()?;
        let places",
        after: "let places",
    },
    Mutation {
        name: "where one path wrote nothing, nothing is left of the other's pointer",
        before: "if torn && !kept {",
        after: "if torn && !kept && false {",
    },
    Mutation {
        name: "merged paths know of the region what one of them compared",
        before: "size: a.facts.size.min(b.facts.size),",
        after: "size: a.facts.size.max(b.facts.size),",
    },
    Mutation {
        name: "merged paths know behind a variable what one of them compared",
        before: "Some((*id, other.min(*range)))",
        after: "Some((*id, other.max(*range)))",
    },
    Mutation {
        name: "the shortest of merged paths counts",
        before: "both.cost = a.cost.max(b.cost);",
        after: "both.cost = a.cost.min(b.cost);",
    },
    Mutation {
        name: "a number that looks like what was sign-extended is the same number",
        before: "Width::W32 => num.number.scalar().umax() >> (bits - 1) == 0,",
        after: "Width::W32 => number == num.number,",
    },
    Mutation {
        name: "a pointer that is filled and not used rests on nothing",
        before: "            self.path.need(Need::Shape, places);\n            self.state.set_register(dst, value);",
        after: "            self.state.set_register(dst, value);",
    },
    Mutation {
        name: "what is right behind an object is no other object's",
        before: "let inside = first >= 0 && last < i128::from(size);",
        after: "let inside = first >= 0 && last <= i128::from(size);",
    },
    Mutation {
        name: "null plus something is no object's address",
        before: "if inside && (at_start || !pointer.or_null) {",
        after: "if inside {",
    },
    Mutation {
        name: "places of a frame that are told apart need not be the frame's",
        before: "self.findings.stack(function, first as i32);\n                return Ok(());",
        after: "self.findings.stack(function, 0);\n                return Ok(());",
    },
    Mutation {
        name: "an application keeps all values in one place",
        before: "(left, right) if left == right && !self.is_application_value(left) => {",
        after: "(left, right) if left == right => {",
    },
    Mutation {
        name: "the end of the region is moved by any number if it was by one",
        before: "self.path.need(Need::Exact, places);
                num.number.as_constant().is_some()",
        after: "num.number.as_constant().is_some()",
    },
    Mutation {
        name: "a register that is moved rests on nothing",
        before: "self.path.need(need, self.state.places(reg));
        let value",
        after: "if need != Need::Written {
            self.path.need(need, self.state.places(reg));
        }
        let value",
    },
    Mutation {
        name: "half of a register is moved if all of it could be",
        before: "Width::W32 => Need::Shape,
            Width::W64",
        after: "Width::W32 => Need::Written,
            Width::W64",
    },
    Mutation {
        name: "a spill that is not whole rests on nothing",
        before: "if !is_whole || depth != self.state.depth() {",
        after: "if depth != self.state.depth() {",
    },
    Mutation {
        name: "a value that is stored in a caller's frame may be any",
        before: "if !is_whole || depth != self.state.depth() {",
        after: "if !is_whole {",
    },
    Mutation {
        name: "what a function leaves is no pointer into its stack if it was none once",
        before: "self.need(Need::Shape, Reg::R0);",
        after: "",
    },
    Mutation {
        name: "merged stacks drop numbers that nothing rests on",
        before: "self.path.need(Need::Shape, gathering.numbers);",
        after: "",
    },
    Mutation {
        name: "pointers into one object prove as much of pointers into two",
        before: "let same_object = if old.object == 0 {
        new.object == 0",
        after: "let same_object = if old.object == 0 {
        true",
    },
    Mutation {
        name: "bytes of a torn pointer were written on every path",
        before: "let gaps = frame.stack.unreadable(start, end);",
        after: "let gaps = frame.stack.gaps(start, end);",
    },
    Mutation {
        name: "findings of an exploration that failed are kept",
        before: "self.findings.take_back(before.findings);",
        after: "self.findings.keep();",
    },
    Mutation {
        name: "what an exploration proved that failed is proven with nothing found",
        before: "self.archive.forget_since(before.proven);",
        after: "",
    },
    Mutation {
        name: "runs of an exploration that failed are the longest",
        before: "self.path.take_back(before.tail);",
        after: "",
    },
    Mutation {
        name: "a branch goes where the first path went",
        before: "Fact::Branch(known) if known != outcome => BranchOutcome::Both,",
        after: "Fact::Branch(known) => known,",
    },
    Mutation {
        name: "an operand points into what it pointed into first",
        before: "if known.is_some_and(|known| has(known, space, own_frame)) {",
        after: "if known.is_some() {",
    },
    Mutation {
        name: "every frame is the function's own",
        before: "if usize::from(frame) == self.state.depth());",
        after: "if usize::from(frame) <= self.state.depth());",
    },
    Mutation {
        name: "an access touches what the first path touched",
        before: "Fact::Memory(known) => known.or(space),",
        after: "Fact::Memory(known) => known,",
    },
    Mutation {
        name: "what one path shares is a thread's own",
        before: "(Self::MapValue, Self::PrivateValue) | (Self::PrivateValue, Self::MapValue) => {\n                Self::MapValue",
        after: "(Self::MapValue, Self::PrivateValue) | (Self::PrivateValue, Self::MapValue) => {\n                Self::PrivateValue",
    },
    Mutation {
        name: "values of all maps are a thread's own",
        before: "matches!(def.kind, MapKind::PerThreadArray | MapKind::PerThreadHash)",
        after: "def.section.is_none()",
    },
    Mutation {
        name: "a helper gets the map that the first path passed",
        before: "Fact::HelperCall { map: known } if known != map => None,",
        after: "Fact::HelperCall { map: known } => known,",
    },
    Mutation {
        name: "a frame holds what its own function accesses",
        before: "let function = self.frame(depth)?.function;\n        self.findings.stack(function, first as i32);",
        after: "let function = self.frame(self.state.depth())?.function;\n        self.findings.stack(function, first as i32);",
    },
    Mutation {
        name: "a buffer that a helper fills was written before",
        before: "self.findings.zeroed(function, from, to);",
        after: "let _ = (from, to);",
    },
    Mutation {
        name: "frame pointers are multiples of 32",
        before: "Space::Stack { .. } => Some(FRAME_ALIGN.into()),",
        after: "Space::Stack { .. } => Some((2 * FRAME_ALIGN).into()),",
    },
    Mutation {
        name: "what helpers do counts for nothing",
        before: "self.state.cost = self.state.cost.saturating_add(self.work);",
        after: "",
    },
    Mutation {
        name: "making room for facts is no work",
        before: "self.walked += self.cells() as u64;",
        after: "",
    },
    Mutation {
        name: "the buckets of a hash map are not looked at when it is cleared",
        before: "buckets(entries).saturating_add(entries.saturating_mul(ENTRY_BYTES))",
        after: "entries.saturating_mul(ENTRY_BYTES)",
    },
    Mutation {
        name: "where the application says nothing, calls may be as long as they are",
        before: "context.max_instructions.unwrap_or(MAX_CALL_INSTRUCTIONS)",
        after: "context.max_instructions.unwrap_or(u64::MAX)",
    },
    Mutation {
        name: "a pointer that is not the end lies before the end",
        before: "if is_there {\n                learn(",
        after: "if known > i128::MIN {\n                learn(",
    },
    Mutation {
        name: "merged pointers have behind them what one path compared",
        before: "i64::try_from(x.min(y))",
        after: "i64::try_from(x.max(y))",
    },
    Mutation {
        name: "every number is itself after shifts up and down",
        before: "let is_narrow = a.number.umax() <= u64::from(u32::MAX);",
        after: "let is_narrow = true;",
    },
    Mutation {
        name: "an index that is at most the length is below the length",
        before: "Some(JumpCond::Le | JumpCond::Sle) => &[(&x, &y, 0)],",
        after: "Some(JumpCond::Le | JumpCond::Sle) => &[(&x, &y, 1)],",
    },
    Mutation {
        name: "a length is not negative",
        before: "(Width::W64, false) => more.number.smin() >= 0,",
        after: "(Width::W64, false) => true,",
    },
    Mutation {
        name: "an index is below the length if its half is below the length",
        before: "(Width::W32, false) => fits(less, u32::MAX.into()) && more.number.smin() >= 0,",
        after: "(Width::W32, false) => more.number.smin() >= 0,",
    },
    Mutation {
        name: "elements below the length are as large as anyone says",
        before: "if of_number < times {",
        after: "if of_number < 1 {",
    },
    Mutation {
        name: "products below the length do not wrap",
        before: "Width::W32 => u32::MAX.into(),",
        after: "Width::W32 => WIDE,",
    },
    Mutation {
        name: "a proof that rests on a sum holds for other numbers",
        before: "|| self.has_sum(sum, state)",
        after: "|| sum.distance >= i64::MIN || self.has_sum(sum, state)",
    },
    Mutation {
        name: "a proof that rests on the size of the region holds for less",
        before: "|| self.has_size(*id, *less, state)",
        after: "|| *less >= i64::MIN || self.has_size(*id, *less, state)",
    },
    Mutation {
        name: "a proof that rests on what is behind two numbers holds for any two",
        before: "|| self.has_fact(terms, fact.offset, state)",
        after: "|| fact.times >= 1 || self.has_fact(terms, fact.offset, state)",
    },
    Mutation {
        name: "merged paths know of two numbers what one of them compared",
        before: "offset: fact.offset.min(other),",
        after: "offset: fact.offset.max(other),",
    },
    Mutation {
        name: "what is taken of the region is less than there is",
        before: "let rest = i128::from(behind) - i128::from(size) - further;",
        after: "let rest = i128::from(behind.max(0)) - i128::from(size) - further;",
    },
    Mutation {
        name: "halves of addresses are compared",
        before: "Kind::Pointer(pointer) => width == Width::W32 || pointer.space.is_half(),",
        after: "Kind::Pointer(_) => width == Width::W32,",
    },
    Mutation {
        name: "the 64-bit distance of halves is the one of their pointers",
        before: "if width == Width::W64 && (a.space.is_half() || b.space.is_half()) {",
        after: "if false {",
    },
    Mutation {
        name: "a mask changes no number",
        before: "let changes = a.number.possible_bits() & !mask != 0;",
        after: "let changes = false;",
    },
    Mutation {
        name: "low bits bound a number that has others",
        before: "if number.umax() > most {",
        after: "if false {",
    },
    Mutation {
        name: "the end is as far as a pointer that is beyond it",
        before: "let more = |state: &mut State| lack(state, range);",
        after: "let more = |state: &mut State| lack(state, range - 1);",
    },
    Mutation {
        name: "a proof that rests on a limit of the region holds for any region",
        before: "i128::from(known) <= i128::from(*limit) + i128::from(distance)",
        after: "i128::from(known) <= i128::MAX || *limit == 0 || distance == 0",
    },
    Mutation {
        name: "what is decided by a limit of the region rests on nothing",
        before: "if is_no_more_there {\n                places |= limit_places;\n            }",
        after: "",
    },
];

/// The test suites that have to catch them, the quickest first.
const SUITES: [&[&str]; 3] = [
    &["--test", "classics"],
    &["--test", "rules"],
    &["--lib", "--tests"],
];

fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn workspace() -> PathBuf {
    package()
        .parent()
        .expect("the package is a member")
        .to_owned()
}

/// The only file under a folder that holds a mutation's text.
fn place(mutation: &Mutation, folder: &Path) -> PathBuf {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the sources") {
            let path = entry.expect("an entry of it").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source");
                found.extend(text.matches(mutation.before).map(|_| path.clone()));
            }
        }
    }
    match found.as_slice() {
        [path] => path.clone(),
        _ => panic!("`{}` finds its text in {found:?}", mutation.name),
    }
}

#[test]
fn every_mutation_still_finds_its_place() {
    for mutation in MUTATIONS {
        place(mutation, &package().join("src"));
    }
}

#[test]
#[ignore = "builds the crate once for each mutation"]
fn every_mutation_is_caught() {
    let copy = workspace().join("target/mutations");
    let sources = copy.join("workspace");
    if sources.exists() {
        fs::remove_dir_all(&sources).expect("an earlier copy can be removed");
    }
    copy_folder(&workspace(), &sources);
    let tests = Tests {
        sources: &sources,
        target: &copy.join("target"),
    };
    for suite in SUITES {
        let output = tests.run(suite);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "the unchanged copy fails:\n{text}");
    }

    let mut escaped = Vec::new();
    let words = std::env::var("JBPF_MUTATION").unwrap_or_default();
    let is_chosen = |name: &str| words.split(',').any(|word| name.contains(word));
    let chosen = MUTATIONS.iter().filter(|m| is_chosen(m.name));
    for mutation in chosen {
        let file = place(mutation, &sources.join("jbpf-verifier/src"));
        let text = fs::read_to_string(&file).expect("the file was copied");
        let mutated = text.replacen(mutation.before, mutation.after, 1);
        fs::write(&file, mutated).expect("the copy can be written");
        let caught_by = SUITES
            .iter()
            .map(|suite| failed_tests(&tests.run(suite), mutation))
            .find(|failed| !failed.is_empty())
            .unwrap_or_default();
        fs::write(&file, text).expect("the copy can be written");
        println!("{}: caught by {caught_by:?}", mutation.name);
        if caught_by.is_empty() {
            escaped.push(mutation.name);
        }
    }
    assert!(escaped.is_empty(), "not caught: {escaped:?}");
}

/// The crate's tests in a copy of the workspace.
struct Tests<'a> {
    sources: &'a Path,
    target: &'a Path,
}

impl Tests<'_> {
    /// Runs a suite, but not the tests in this file.
    fn run(&self, suite: &[&str]) -> Output {
        let suite = [suite, &["--", "--skip", "every_mutation"]].concat();
        self.cargo(&suite)
    }

    fn cargo(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO"))
            .args(["test", "--offline", "--package", "jbpf-verifier"])
            .args(arguments)
            .current_dir(self.sources)
            .env("CARGO_TARGET_DIR", self.target)
            .output()
            .expect("cargo starts")
    }
}

/// The tests that failed. A mutation that does not compile proves nothing.
fn failed_tests(output: &Output, mutation: &Mutation) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    if !text.contains("test result: ") {
        let errors = String::from_utf8_lossy(&output.stderr);
        panic!("`{}` does not build:\n{errors}", mutation.name);
    }
    let failed = text
        .lines()
        .filter_map(|line| line.strip_suffix(" ... FAILED"));
    failed
        .filter_map(|line| line.strip_prefix("test "))
        .map(str::to_owned)
        .collect()
}

/// Copies sources: all but hidden folders and build results.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("a folder of the workspace") {
        let entry = entry.expect("an entry of it");
        let name = entry.file_name();
        if name == "target" || name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let (from, to) = (entry.path(), to.join(&name));
        // Linked folders are copied, too.
        if from.is_dir() {
            copy_folder(&from, &to);
        } else {
            fs::copy(&from, &to).expect("a file can be copied");
        }
    }
}
