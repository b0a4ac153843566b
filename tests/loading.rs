//! Every rule of loading that needs the objects, the process or the loaded codeletsets, with the
//! message that a person gets.
//!
//! `requests.rs` has the rules of a request by itself, and `refusals.rs` checks that a refused
//! load leaves nothing behind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jbpf::map::{MapOptions, MemoryBudget};
use jbpf::request::{ChannelRequest, CodeletBuilder};
use jbpf::runtime::{MAX_CODELETS, MAX_CODELETSETS};
use jbpf::{Engine, LoadRequest, Runtime, RuntimeBuilder, StreamId, jbpf_data, jbpf_hook};
use tempfile::TempDir;

/// As in `codelets/under_fire/cell.h`.
#[jbpf_data]
struct Cell {
    key: u64,
    first: u64,
    second: u64,
    failed: u64,
}

#[jbpf_hook]
fn loading(cell: &mut Cell, ctx_id: u32) {}

#[jbpf_hook(control)]
fn deciding(cell: &mut Cell, ctx_id: u32) -> u64 {
    0
}

/// A hook of the type of the object `application/slot`.
#[jbpf_hook(program_type = "jbpf_slot")]
fn slotted(ctx_id: u32) {}

#[jbpf_hook(max_instructions = 3)]
fn hurried(cell: &mut Cell, ctx_id: u32) {}

/// Memory that each case may have for its maps.
const BUDGET: usize = 2 * LARGE_RING + (64 << 10);
/// Memory of a channel of 65,536 records of 32 bytes. With 32 more they are rounded up to 131,072:
/// records, the words that number them, a line for each of 1024 threads, the ring's own words, and
/// the reader's page.
const LARGE_RING: usize =
    ((131_072 * (32 + 8) + 1024 * 64 + 256_usize).next_multiple_of(4096)) + 4096;
const STREAM: StreamId = StreamId([9; 16]);

fn object(path: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .join("codelets")
        .join(path)
}

fn on(hook: &str, name: &str, path: &str) -> CodeletBuilder {
    CodeletBuilder::from_path(name, object(path), hook)
}

/// A codelet `c` of an object of `codelets/under_fire`.
fn c(path: &str) -> CodeletBuilder {
    on("loading", "c", &format!("under_fire/{path}.o"))
}

/// Another one.
fn d(path: &str) -> CodeletBuilder {
    on("loading", "d", &format!("under_fire/{path}.o"))
}

/// `loading/answer.o` with a section whose name begins with `jbpf_slot`.
fn of_slot_type() -> Vec<u8> {
    let mut bytes = std::fs::read(object("loading/answer.o")).unwrap();
    let (from, to) = (b"jbpf_generic", b"jbpf_slotted");
    for at in 0..bytes.len() - from.len() {
        let name = &mut bytes[at..at + from.len()];
        if name == from {
            name.copy_from_slice(to);
        }
    }
    bytes
}

/// A codelet `c` of bytes.
fn of_bytes(bytes: Vec<u8>) -> CodeletBuilder {
    CodeletBuilder::from_bytes("c", bytes, "loading")
}

fn set(id: &str, codelets: impl IntoIterator<Item = CodeletBuilder>) -> LoadRequest {
    codelets
        .into_iter()
        .fold(LoadRequest::builder(id), |set, codelet| {
            set.codelet(codelet)
        })
        .build()
        .unwrap()
}

/// A step, the sets that are loaded before it, and the required result: messages are compared
/// whole.
struct Case {
    rule: &'static str,
    loaded: Vec<LoadRequest>,
    step: Step,
    expected: Result<(), String>,
}

enum Step {
    Load(LoadRequest),
    Replace(LoadRequest),
    Unload(&'static str),
}

fn accepted<const N: usize>(rule: &'static str, codelets: [CodeletBuilder; N]) -> Case {
    Case {
        rule,
        loaded: Vec::new(),
        step: Step::Load(set("set", codelets)),
        expected: Ok(()),
    }
}

fn refused<const N: usize>(
    rule: &'static str,
    codelets: [CodeletBuilder; N],
    message: impl Into<String>,
) -> Case {
    Case {
        expected: Err(message.into()),
        ..accepted(rule, codelets)
    }
}

impl Case {
    /// With this loaded before, as codeletset `other`.
    fn beside(mut self, codelet: CodeletBuilder) -> Self {
        self.loaded.push(set("other", [codelet]));
        self
    }

    fn doing(mut self, step: Step) -> Self {
        self.step = step;
        self
    }
}

const IN_C: &str = "codeletset `set`, codelet `c`";
const IN_D: &str = "codeletset `set`, codelet `d`";

fn cases(folder: &TempDir) -> Vec<Case> {
    [
        hooks(),
        paths(folder),
        objects(),
        programs(),
        channels(),
        records(),
        streams(),
        links(),
        memory(),
        control(),
        ids(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn hooks() -> Vec<Case> {
    vec![
        accepted("a codelet on a hook", [c("array_1")]),
        refused(
            "a hook that is nearly there is suggested",
            [on("laoding", "c", "loading/answer.o")],
            format!("{IN_C}: no hook `laoding`; did you mean `loading`?"),
        ),
        refused(
            "a hook that is like no other is not there",
            [on("something_else_altogether", "c", "loading/answer.o")],
            format!("{IN_C}: no hook `something_else_altogether`"),
        ),
        refused(
            "the codelet at fault is named",
            [c("array_1"), on("laoding", "d", "loading/answer.o")],
            format!("{IN_D}: no hook `laoding`; did you mean `loading`?"),
        ),
    ]
}

fn paths(folder: &TempDir) -> Vec<Case> {
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("empty.o"), "").unwrap();
    std::fs::write(file("text.o"), "int main(void) { return 0; }").unwrap();
    std::fs::create_dir(file("folder.o")).unwrap();
    let large = std::fs::File::create(file("large.o")).unwrap();
    large.set_len((64 << 20) + 1).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        file("fifo.o"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let at = |rule, name: &str, problem: &str| {
        let path = file(name);
        let message = format!(
            "{IN_C}: cannot read the object `{}`: {problem}",
            path.display()
        );
        refused(
            rule,
            [CodeletBuilder::from_path("c", path, "loading")],
            message,
        )
    };
    let foreign = |rule, name: &str| {
        let path = file(name);
        let message = format!(
            "{IN_C}: the object `{}` cannot be loaded: this is not an ELF file; a codelet is compiled with \
             `clang -O2 -g -target bpf -c`",
            path.display()
        );
        refused(
            rule,
            [CodeletBuilder::from_path("c", path, "loading")],
            message,
        )
    };
    vec![
        at(
            "a path leads to a file",
            "missing.o",
            "No such file or directory (os error 2)",
        ),
        at(
            "a folder is no object",
            "folder.o",
            "it is not a regular file",
        ),
        at(
            "nobody waits for a pipe",
            "fifo.o",
            "it is not a regular file",
        ),
        at(
            "an object has at most 64 MiB",
            "large.o",
            "it is larger than 67108864 bytes",
        ),
        foreign("an empty file is no object", "empty.o"),
        foreign("a text is no object", "text.o"),
    ]
}

fn objects() -> Vec<Case> {
    let bytes = || std::fs::read(object("loading/answer.o")).unwrap();
    let with = |at: usize, byte: u8| {
        let mut bytes = bytes();
        bytes[at] = byte;
        of_bytes(bytes)
    };
    let object = |path: &str, problem: &str| {
        let path = object(path);
        format!(
            "{IN_C}: the object `{}` cannot be loaded: {problem}",
            path.display()
        )
    };
    let in_memory =
        |problem: &str| format!("{IN_C}: the object in memory cannot be loaded: {problem}");
    let of = |path: &str| [on("loading", "c", path)];
    vec![
        accepted("an object may come as bytes", [of_bytes(bytes())]),
        refused(
            "no bytes are no object",
            [of_bytes(Vec::new())],
            in_memory(
                "this is not an ELF file; a codelet is compiled with `clang -O2 -g -target bpf -c`",
            ),
        ),
        refused(
            "an object is for BPF",
            [with(18, 62)],
            in_memory(
                "this object is for machine 62 (x86-64), not for BPF (247); compile with `-target bpf`",
            ),
        ),
        refused(
            "an object is not linked",
            [with(16, 2)],
            in_memory(
                "this is an ELF file of type 2, not a relocatable object (1); compile with `-c`, without linking",
            ),
        ),
        refused(
            "an object has 64 bits",
            [with(4, 1)],
            in_memory("this is a 32-bit ELF file; codelets are 64-bit BPF objects"),
        ),
        refused(
            "an object is all there",
            [of_bytes(bytes()[..200].to_vec())],
            in_memory("the ELF file is damaged: Invalid ELF section header offset/size/alignment"),
        ),
        refused(
            "an object has a program",
            of("loading/no_program.o"),
            object(
                "loading/no_program.o",
                "the object holds no program; put `SEC(\"jbpf_generic\")` before the entry function `jbpf_main`",
            ),
        ),
        refused(
            "an object has one program",
            of("loading/two_programs.o"),
            format!(
                "{IN_C}: the object `{}` has 2 programs; a codelet has exactly 1",
                crate::object("loading/two_programs.o").display()
            ),
        ),
        refused(
            "a map has a type that there is",
            of("loading/no_such_type.o"),
            object(
                "loading/no_such_type.o",
                "map `strange`: type 9 does not exist; types are 1 to 7, and from 16 those of the application",
            ),
        ),
        refused(
            "a map has entries",
            of("loading/no_entries.o"),
            object(
                "loading/no_entries.o",
                "map `empty`: max_entries is 0; it is how many entries the map holds",
            ),
        ),
        refused(
            "a map has at most a gibibyte",
            of("loading/huge_map.o"),
            object(
                "loading/huge_map.o",
                "map `huge`: 268435456 entries of 8 bytes take 2147483648 bytes of memory; the limit is 1073741824",
            ),
        ),
        refused(
            "a type of map that the application does not have",
            [on("loading", "c", "application/own_map_write.o")],
            format!("{IN_C}: map `last`: nobody provides maps of type 20"),
        ),
    ]
}

fn programs() -> Vec<Case> {
    let rejected = |hook: &str, at: &str, rest: &str| {
        format!("{IN_C}: rejected for hook `{hook}` at {at}: {rest}")
    };
    vec![
        refused(
            "a declared program type attaches to its hooks alone",
            [on("loading", "c", "application/slot.o")],
            format!(
                "{IN_C}: the program type `jbpf_slot` does not attach to hook `loading`, whose type is `jbpf_generic`"
            ),
        ),
        refused(
            "so does one whose name begins as the type",
            [CodeletBuilder::from_bytes("c", of_slot_type(), "loading")],
            format!(
                "{IN_C}: the program type `jbpf_slot` does not attach to hook `loading`, whose type is `jbpf_generic`"
            ),
        ),
        refused(
            "a codelet for statistics attaches to the hooks that report them",
            [on("slotted", "c", "stats_report/stats_report.o")],
            format!(
                "{IN_C}: the program type `jbpf_stats` does not attach to hook `slotted`, whose type is `jbpf_slot`"
            ),
        ),
        accepted(
            "a codelet of any type attaches to timers",
            [
                CodeletBuilder::from_bytes("c", of_slot_type(), "periodic_call"),
                CodeletBuilder::from_bytes("d", of_slot_type(), "report_stats"),
            ],
        ),
        accepted(
            "a codelet of no type attaches anywhere",
            [on("slotted", "c", "loading/answer.o")],
        ),
        refused(
            "a program is proved safe",
            [on("loading", "c", "tests/v3/null_dereference.o")],
            rejected(
                "loading",
                "./tests/null_dereference.c:13",
                "E0025: r0, a pointer to a value of map counter, may be null here",
            ),
        ),
        refused(
            "a program is proved safe for the hook that it is for",
            [on("slotted", "c", "under_fire/array_1.o")],
            rejected(
                "slotted",
                "./under_fire/count.h:15",
                "E0020: r6 reaches beyond the end of the data region",
            ),
        ),
        refused(
            "a program ends",
            [on("loading", "c", "tests/v3/endless_loop.o")],
            rejected(
                "loading",
                "./tests/endless_loop.c:9",
                "E0041: the path comes back to this instruction with nothing changed: the loop may never end",
            ),
        ),
        refused(
            "a program keeps to the instructions that its hook allows",
            [on("hurried", "c", "under_fire/array_1.o")],
            rejected(
                "hurried",
                "./under_fire/count.h:14",
                "E0042: one call may execute 17 instructions; the hook allows 3",
            ),
        ),
        refused(
            "a helper has a number that there is",
            [on("loading", "c", "tests/v3/unknown_helper.o")],
            rejected(
                "loading",
                "./tests/unknown_helper.c:10",
                "E0010: no helper has the number 63",
            ),
        ),
    ]
}

fn channels() -> Vec<Case> {
    let no_map = |field: &str, map: &str, rest: &str| {
        format!("{IN_C}: `{field}` names the map `{map}`, which the object does not have{rest}")
    };
    let of_kind = |field: &str, map: &str, kind: &str| {
        let needed = match field {
            "in_io_channel" => "input channels are of kind CONTROL_INPUT",
            _ => "output channels are of kind RINGBUF or OUTPUT",
        };
        format!("{IN_C}: `{field}` names the map `{map}`, which is of kind {kind}; {needed}")
    };
    let not_listed = |map: &str, field: &str| {
        format!("{IN_C}: the codelet uses the channel `{map}`, which `{field}` does not list")
    };
    vec![
        accepted(
            "an output channel is listed",
            [c("output_1").output("records", STREAM)],
        ),
        accepted(
            "an input channel is listed",
            [c("input").input("commands", STREAM)],
        ),
        accepted(
            "a channel that is not used needs no entry",
            [on("loading", "c", "loading/unused_channel.o")],
        ),
        accepted(
            "and may have one",
            [on("loading", "c", "loading/unused_channel.o").output("records", STREAM)],
        ),
        refused(
            "an input channel is a map of the object",
            [c("input").input("comands", STREAM)],
            no_map("in_io_channel", "comands", "; did you mean `commands`?"),
        ),
        refused(
            "an output channel is a map of the object",
            [c("array_1").output("records", STREAM)],
            no_map("out_io_channel", "records", ""),
        ),
        refused(
            "an OUTPUT map is no input channel",
            [c("output_1").input("records", STREAM)],
            of_kind("in_io_channel", "records", "OUTPUT"),
        ),
        refused(
            "a RINGBUF map is no input channel",
            [c("ringbuf").input("records", STREAM)],
            of_kind("in_io_channel", "records", "RINGBUF"),
        ),
        refused(
            "a CONTROL_INPUT map is no output channel",
            [c("input")
                .input_derived("commands")
                .output("commands", STREAM)],
            of_kind("out_io_channel", "commands", "CONTROL_INPUT"),
        ),
        refused(
            "an ARRAY is no output channel",
            [c("array_1").output("counts", STREAM)],
            of_kind("out_io_channel", "counts", "ARRAY"),
        ),
        refused(
            "a HASHMAP is no input channel",
            [c("hash_1").input("counts", STREAM)],
            of_kind("in_io_channel", "counts", "HASHMAP"),
        ),
        refused(
            "an OUTPUT map that is used is listed",
            [c("output_1")],
            not_listed("records", "out_io_channel"),
        ),
        refused(
            "a RINGBUF map that is used is listed",
            [c("ringbuf")],
            not_listed("records", "out_io_channel"),
        ),
        refused(
            "a CONTROL_INPUT map that is used is listed",
            [c("input")],
            not_listed("commands", "in_io_channel"),
        ),
        refused(
            "a record has at most a mebibyte",
            [on("loading", "c", "loading/long_record.o").output("records", STREAM)],
            format!(
                "{IN_C}: map `records`: channel records: a record of 1048577 bytes is too long; at most 1048576 bytes are allowed"
            ),
        ),
    ]
}

/// The type of a channel's records, as the request states it.
fn records() -> Vec<Case> {
    let stated = |record: &str| {
        c("ringbuf").output_channel(ChannelRequest {
            record: Some(record.to_owned()),
            ..ChannelRequest::new("records".to_owned(), None)
        })
    };
    let message = |rest: &str| format!("{IN_C}: `record` of channel `records` is {rest}");
    vec![
        accepted("a request states the type of records", [stated("record")]),
        refused(
            "a type that the object does not have",
            [stated("recrod")],
            message(
                "`recrod`: the object's debug information has no type `recrod`; did you mean `record`?",
            ),
        ),
        refused(
            "a type of another size",
            [stated("jbpf_load_map_def")],
            message("`jbpf_load_map_def`: it has 32 bytes, and a record 24"),
        ),
    ]
}

fn streams() -> Vec<Case> {
    let in_use = |of: &str, direction: &str, map: &str, user: &str| {
        format!("{of}: the stream id {STREAM} of {direction} channel `{map}` is in use by {user}")
    };
    let output = || c("output_1").output("records", STREAM);
    let input = || c("input").input("commands", STREAM);
    vec![
        accepted(
            "one id may go both ways",
            [output(), d("input").input("commands", STREAM)],
        ),
        accepted("and with another codeletset too", [output()]).beside(input()),
        refused(
            "an id that another codeletset sends by",
            [c("ringbuf").output("records", STREAM)],
            in_use(
                IN_C,
                "output",
                "records",
                "codeletset `other`, codelet `c`, map `records`",
            ),
        )
        .beside(output()),
        refused(
            "an id that another codeletset receives by",
            [input()],
            in_use(
                IN_C,
                "input",
                "commands",
                "codeletset `other`, codelet `c`, map `commands`",
            ),
        )
        .beside(input()),
        accepted(
            "ids that are left out are different",
            [
                c("output_1").output_derived("records"),
                d("output_1").output_derived("records"),
            ],
        )
        .beside(c("output_1").output_derived("records")),
    ]
}

fn links() -> Vec<Case> {
    let pair = |link: CodeletBuilder, other: CodeletBuilder| [link, other];
    let no_map = |map: &str, rest: &str| {
        format!("{IN_C}: `linked_maps` names the map `{map}`, which the object does not have{rest}")
    };
    let not_linkable = |map: &str, other: &str, what: &str| {
        format!(
            "{IN_C}: `linked_maps` links `{map}` with `{other}` of `d`; {what} cannot be linked"
        )
    };
    let differ = |one: &str, other: &str| {
        format!(
            "{IN_C}: `linked_maps` links `counts` ({one}) with `counts` of `d` ({other}); they must have the same \
             type and sizes"
        )
    };
    let linked = |path: &str| c(path).linked_map("counts", "d", "counts");
    const ARRAY: &str = "ARRAY, key 4 bytes, value 8 bytes, 8 entries";
    vec![
        accepted(
            "maps of one shape are linked",
            pair(linked("array_1"), d("array_2")),
        ),
        accepted(
            "links may go in a circle",
            pair(
                linked("array_1"),
                d("array_2").linked_map("counts", "c", "counts"),
            ),
        ),
        accepted(
            "links may be a chain",
            [
                linked("hash_1"),
                d("hash_2").linked_map("counts", "e", "counts"),
                on("deciding", "e", "under_fire/hash_1.o"),
            ],
        ),
        refused(
            "a linked map is one of the codelet's own",
            pair(
                c("array_1").linked_map("count", "d", "counts"),
                d("array_2"),
            ),
            no_map("count", "; did you mean `counts`?"),
        ),
        refused(
            "and the other one of the other's",
            pair(
                c("array_1").linked_map("counts", "d", "numbers"),
                d("array_2"),
            ),
            no_map("numbers", ""),
        ),
        refused(
            "channels are not linked",
            pair(
                c("output_1")
                    .output_derived("records")
                    .linked_map("records", "d", "records"),
                d("output_2").output_derived("records"),
            ),
            not_linkable("records", "records", "channels"),
        ),
        refused(
            "a map is not linked to a channel",
            pair(
                c("array_1").linked_map("counts", "d", "commands"),
                d("input").input_derived("commands"),
            ),
            not_linkable("counts", "commands", "channels"),
        ),
        refused(
            "data sections are not linked",
            pair(
                on("loading", "c", "tests/v3/bss_section.o").linked_map(".bss", "d", ".bss"),
                on("loading", "d", "tests/v3/bss_section.o"),
            ),
            not_linkable(".bss", ".bss", "data sections"),
        ),
        refused(
            "linked maps have the same entries",
            pair(linked("array_1"), d("array_larger")),
            differ(ARRAY, "ARRAY, key 4 bytes, value 8 bytes, 16 entries"),
        ),
        refused(
            "linked maps have the same type",
            pair(linked("array_1"), d("hash_1")),
            differ(ARRAY, "HASHMAP, key 4 bytes, value 8 bytes, 8 entries"),
        ),
        refused(
            "a copy a thread is another type",
            pair(linked("array_1"), d("thread_array_1")),
            differ(
                ARRAY,
                "PER_THREAD_ARRAY, key 4 bytes, value 8 bytes, 8 entries",
            ),
        ),
        refused(
            "linked maps have the same keys",
            pair(
                linked("hash_1"),
                on("loading", "d", "tests/v3/hash_counter.o"),
            ),
            differ(
                "HASHMAP, key 4 bytes, value 8 bytes, 8 entries",
                "HASHMAP, key 8 bytes, value 8 bytes, 64 entries",
            ),
        ),
    ]
}

fn memory() -> Vec<Case> {
    // It takes nearly half of the budget.
    let half = |name: &str| on("loading", name, "bench/send.o").output_derived("records");
    let left = format!(
        "map `records`: {LARGE_RING} bytes are needed and 57344 of the memory budget of {BUDGET} bytes are left"
    );
    vec![
        accepted("a map within the budget", [half("c")]),
        accepted("and another one", [half("c"), half("d")]),
        refused(
            "maps of one codeletset exceed the budget together",
            [
                half("c"),
                half("d"),
                on("loading", "e", "bench/send.o").output_derived("records"),
            ],
            format!("codeletset `set`, codelet `e`: {left}"),
        ),
        refused(
            "maps of two codeletsets do",
            [half("c"), half("d")],
            format!("{IN_D}: {left}"),
        )
        .beside(half("c")),
    ]
}

fn control() -> Vec<Case> {
    let deciding = |name: &str| on("deciding", name, "loading/answer.o");
    vec![
        accepted("a control hook takes a codelet", [deciding("c")]),
        refused(
            "it takes one",
            [deciding("c"), deciding("d")],
            format!(
                "{IN_D}: the control hook `deciding` has a codelet already: codeletset `set`, codelet `c`; \
                 unload that codeletset, or replace it"
            ),
        ),
        refused(
            "whoever loads it",
            [deciding("c")],
            format!(
                "{IN_C}: the control hook `deciding` has a codelet already: codeletset `other`, codelet `c`; \
                 unload that codeletset, or replace it"
            ),
        )
        .beside(deciding("c")),
        accepted("a replacement takes the place of its predecessor", [c("array_1")])
            .beside(deciding("c"))
            .doing(Step::Replace(set("other", [deciding("d")]))),
    ]
}

fn ids() -> Vec<Case> {
    let nothing = |rule, message: &str| refused(rule, [c("array_1")], message);
    vec![
        nothing(
            "a codeletset is loaded once",
            "codeletset `other` is loaded already; unload it first, or replace it",
        )
        .beside(c("array_1"))
        .doing(Step::Load(set("other", [c("hash_1")]))),
        nothing(
            "what is replaced is loaded",
            "codeletset `othe` is not loaded, so there is nothing to replace; did you mean `other`?",
        )
        .beside(c("array_1"))
        .doing(Step::Replace(set("othe", [c("array_1")]))),
        nothing(
            "and there is nothing to suggest when nothing is",
            "codeletset `othe` is not loaded, so there is nothing to replace",
        )
        .doing(Step::Replace(set("othe", [c("array_1")]))),
        nothing(
            "what is unloaded is loaded",
            "codeletset `ohter` is not loaded; did you mean `other`?",
        )
        .beside(c("array_1"))
        .doing(Step::Unload("ohter")),
        nothing(
            "which is named when the id is like none",
            "codeletset `nothing like it` is not loaded; loaded is `other`",
        )
        .beside(c("array_1"))
        .doing(Step::Unload("nothing like it")),
        nothing(
            "for a replacement, too",
            "codeletset `nothing like it` is not loaded, so there is nothing to replace; loaded is `other`",
        )
        .beside(c("array_1"))
        .doing(Step::Replace(set("nothing like it", [c("array_1")]))),
        nothing("nor is anything else", "codeletset `set` is not loaded").doing(Step::Unload("set")),
    ]
}

/// The runtime of a process, for one test at a time.
struct Application {
    runtime: Runtime,
    _turn: MutexGuard<'static, ()>,
}

impl Application {
    fn start(configure: impl FnOnce(RuntimeBuilder) -> RuntimeBuilder) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            runtime: configure(Runtime::builder().name("loading"))
                .build()
                .unwrap(),
            _turn: turn,
        }
    }
}

/// The result of the step. If it fails, the sets that were loaded before must be as they were.
fn outcome(runtime: &Runtime, case: &Case) -> Result<(), String> {
    for request in &case.loaded {
        runtime.load(request).unwrap();
    }
    let before = runtime.list();
    let outcome = match &case.step {
        Step::Load(request) => runtime.load(request).map(|_| ()).map_err(|e| e.to_string()),
        Step::Replace(request) => runtime
            .replace(request)
            .map(|_| ())
            .map_err(|e| e.to_string()),
        Step::Unload(id) => runtime.unload(id).map_err(|e| e.to_string()),
    };
    if outcome.is_err() {
        assert_eq!(runtime.list(), before, "{}", case.rule);
    }
    for set in runtime.list() {
        runtime.unload(&set.id).unwrap();
    }
    let armed = jbpf::registry::hooks().find(|hook| hook.is_armed());
    assert!(armed.is_none(), "{}: {armed:?}", case.rule);
    outcome
}

#[test]
fn each_rule_of_loading_holds_and_says_so() {
    let budget = MemoryBudget::new(BUDGET);
    let mut options = MapOptions::default();
    options.budget = Some(budget.clone());
    let application = Application::start(|builder| builder.map_options(options));
    let folder = tempfile::tempdir().unwrap();
    let cases = cases(&folder);
    let mut wrong = Vec::new();
    for case in &cases {
        let outcome = outcome(&application.runtime, case);
        assert_eq!(budget.used(), 0, "{}: memory is given back", case.rule);
        if outcome != case.expected {
            wrong.push(format!(
                "{}\n  expected {:?}\n  got      {outcome:?}",
                case.rule, case.expected
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases:\n\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n\n")
    );
    assert!(cases.len() >= 60, "{} cases", cases.len());
}

/// Channels of 1,024 records hold 2,047 in the original.
#[test]
fn a_burst_that_fits_the_original_is_kept_whole() {
    let application = Application::start(|builder| builder);
    for object in ["ringbuf", "output_1"] {
        let codelet = c(object).output("records", STREAM);
        application.runtime.load(&set("burst", [codelet])).unwrap();
        let mut cell = Cell {
            key: 1,
            first: 0,
            second: 0,
            failed: 0,
        };
        for _ in 0..2047 {
            loading(&mut cell, 0);
        }
        assert_eq!((cell.first, cell.failed), (2047, 0), "{object}");
        application.runtime.unload("burst").unwrap();
    }
}

#[test]
fn as_many_codeletsets_are_loaded_as_there_may_be_and_no_more() {
    let application = Application::start(|builder| builder.engine(Engine::Interpreter));
    let runtime = &application.runtime;
    let answer = std::fs::read(object("loading/answer.o")).unwrap();
    let one = |set: usize| {
        LoadRequest::builder(format!("set_{set}"))
            .codelet(CodeletBuilder::from_bytes("c", answer.clone(), "loading"))
            .build()
            .unwrap()
    };
    for number in 1..=MAX_CODELETSETS {
        runtime.load(&one(number)).unwrap();
    }
    let full = "codeletset `set_1025`: 1025 codeletsets would be loaded; at most 1024 are allowed";
    assert_eq!(runtime.load(&one(1025)).unwrap_err().to_string(), full);
    runtime.replace(&one(7)).unwrap();
    runtime.unload("set_7").unwrap();
    runtime.load(&one(1025)).unwrap();
    assert_eq!(runtime.list().len(), MAX_CODELETSETS);
}

#[test]
fn as_many_codelets_are_loaded_as_there_may_be_and_no_more() {
    let application = Application::start(|builder| builder.engine(Engine::Interpreter));
    let runtime = &application.runtime;
    let answer = std::fs::read(object("loading/answer.o")).unwrap();
    let of = |set: usize, codelets: usize| {
        (0..codelets)
            .fold(LoadRequest::builder(format!("set_{set}")), |set, index| {
                let name = format!("c{index}");
                set.codelet(CodeletBuilder::from_bytes(name, answer.clone(), "slotted"))
            })
            .build()
            .unwrap()
    };
    let sets = MAX_CODELETS / 16;
    for set in 1..sets {
        runtime.load(&of(set, 16)).unwrap();
    }
    runtime.load(&of(sets, 15)).unwrap();
    assert_eq!(
        runtime.load(&of(0, 2)).unwrap_err().to_string(),
        "codeletset `set_0`: 4097 codelets would be loaded; at most 4096 are allowed"
    );
    runtime.load(&of(0, 1)).unwrap();
    assert_eq!(
        runtime.replace(&of(0, 2)).unwrap_err().to_string(),
        "codeletset `set_0`: 4097 codelets would be loaded; at most 4096 are allowed"
    );
    slotted(0);
}

#[test]
fn the_application_says_how_long_a_call_may_take_where_the_hook_does_not() {
    let load = |limit: u64, hook| {
        let application = Application::start(|builder| builder.max_instructions(limit));
        let request = set("set", [on(hook, "c", "under_fire/array_1.o")]);
        let loaded = application.runtime.load(&request).map(|_| ());
        application.runtime.unload("set").ok();
        loaded.map_err(|error| error.to_string())
    };
    load(17, "loading").unwrap();
    let refused = load(16, "loading").unwrap_err();
    let why = "E0042: one call may execute 17 instructions; the hook allows 16";
    assert!(refused.contains(why), "{refused}");
    // A hook's own limit is its own.
    let refused = load(17, "hurried").unwrap_err();
    assert!(refused.contains("the hook allows 3"), "{refused}");
}
