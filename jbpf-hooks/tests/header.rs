//! The C header says what Rust knows, in every build the same, and compilers of C agree with it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use jbpf_hooks::header::CodeletHeader;
use jbpf_hooks::{CodeletBytes, MapRef, Region, codelet_header, jbpf_data, jbpf_helper, jbpf_hook};

/// Two halves.
/// Hostile: */ int broken; /*
#[jbpf_data]
struct Halves {
    int: u32,
    high: u32,
}

#[jbpf_data(read_only)]
struct Everything {
    wide: u128,
    halves: [Halves; 3],
    double: f64,
    single: f32,
    up: bool,
    small: i8,
    short: i16,
    #[jbpf(text)]
    name: [u8; 12],
    r#type: [[u16; 2]; 3],
    _reserved: [u8; 16],
}

#[jbpf_data]
#[repr(C, align(16))]
struct Aligned(u64, [u8; 8]);

/// Called for everything.
#[jbpf_hook(name = "app.everything")]
fn everything(all: &Everything, level: u8, #[jbpf(writable)] verdict: u64, up: bool) {}

#[jbpf_hook]
fn halves(all: &mut [Halves]) {}

#[jbpf_hook]
fn raw(bytes: &[u8; 6]) {}

#[jbpf_hook]
fn words(all: &[[u32; 4]], ctx_id: u32) {}

#[derive(jbpf_hooks::JbpfContext)]
#[repr(C)]
struct TickContext {
    region: Region<'static, ()>,
    number: u16,
}

#[jbpf_hook]
fn tick(ctx: TickContext) {}

#[jbpf_data]
struct Response {
    seq_no: i32,
}

#[jbpf_data]
struct Part(u8);

#[jbpf_data]
struct Whole {
    parts: [[Part; 2]; 2],
}

mod one {
    #[jbpf_hooks::jbpf_data]
    pub struct Twice {
        pub answer: u32,
    }

    #[jbpf_hooks::jbpf_data]
    struct Around {
        twice: [Twice; 2],
    }

    #[jbpf_hooks::jbpf_data]
    struct Halves(u8);
}

mod other {
    #[jbpf_hooks::jbpf_data]
    pub struct Twice {
        pub answer: [u8; 3],
    }
}

/// Puts a flow into another class.
#[jbpf_helper(id = 40)]
fn set_priority(flow: &Halves, mac: &[u8; 6], state: &mut Aligned, priority: i16) -> u64 {
    let _ = (flow, mac, state, priority);
    0
}

#[jbpf_helper(id = 33, name = "audit")]
fn write_audit(map: MapRef<'_>, record: &[u8], more: CodeletBytes<'_>) {
    let _ = (map, record, more);
}

#[jbpf_helper(id = 34)]
fn level() -> i32 {
    0
}

#[jbpf_helper(id = 7)]
fn simulated_time() -> u64 {
    0
}

#[test]
fn a_hook_has_a_context_of_its_name_with_padding_named() {
    let header = codelet_header();
    let expected = "\
/*
 * What the codelets of hook app.everything are given.
 * Called for everything.
 */
struct app_everything_ctx {
    uint64_t data; /* Everything, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint8_t level;
    uint8_t _padding25[7];
    uint64_t verdict; /* writable */
    bool up;
    uint8_t _padding41[7];
};
_Static_assert(sizeof(struct app_everything_ctx) == 48, \"size of struct app_everything_ctx\");
_Static_assert(offsetof(struct app_everything_ctx, level) == 24, \"offset of struct app_everything_ctx.level\");
";
    assert!(header.contains(expected), "{header}");
}

#[test]
fn structs_come_once_and_before_their_use() {
    let header = codelet_header();
    assert_eq!(header.matches("typedef struct Halves {").count(), 1);
    assert!(header.find("typedef struct Halves") < header.find("typedef struct Everything"));
    assert!(header.find("typedef struct Everything") < header.find("struct app_everything_ctx"));
    assert!(
        header.contains("    char name[12];\n    uint16_t type[3][2];\n"),
        "{header}"
    );
    assert!(header.contains("    uint32_t int_;\n"));
    assert!(header.contains("} __attribute__((aligned(16))) Aligned;"));
}

#[test]
fn regions_say_what_they_hold_and_what_may_be_done_with_them() {
    let header = codelet_header();
    for line in [
        "uint64_t data; /* any number of Halves, writable: compare with data_end, and bound loops by a constant */",
        "uint64_t data; /* uint8_t[6], read-only */",
        "uint64_t data; /* any number of uint32_t[4], read-only: compare with data_end, and bound loops by a constant */",
        "uint64_t data; /* none: equals data_end */",
    ] {
        assert!(header.contains(line), "{line} in {header}");
    }
}

#[test]
fn helpers_of_the_application_are_functions_and_replaced_ones_are_left_out() {
    let header = codelet_header();
    for text in [
        "/* Puts a flow into another class. */\n__attribute__((unused)) static uint64_t (*set_priority)(const Halves \
         *flow, const uint8_t mac[6], Aligned *state, int16_t priority) = (void *)40;",
        "static void (*audit)(void *map, const void *record, uint64_t record_size, const void *more, uint64_t \
         more_size) = (void *)33;",
        "static int32_t (*level)(void) = (void *)34;",
    ] {
        assert!(header.contains(text), "{text} in {header}");
    }
    assert!(!header.contains("simulated_time"));
    assert!(
        header.find("(*audit)") < header.find("(*set_priority)"),
        "by id"
    );
}

#[test]
fn structs_that_no_hook_shows_come_last() {
    let header = codelet_header();
    let response = "typedef struct Response {\n    int32_t seq_no;\n} Response;";
    assert!(header.contains(response), "{header}");
    assert!(header.find("(*set_priority)") < header.find(response));
    assert!(header.find("typedef struct Part {") < header.find("typedef struct Whole {"));
    assert_eq!(header.matches("typedef struct Part {").count(), 1);
    let twice = CodeletHeader::new().data::<Response>().data::<Response>();
    assert_eq!(twice.to_string().matches("typedef").count(), 1);
}

/// Types that only channels and maps hold have no say in what codelets of hooks include.
#[test]
fn structs_of_a_name_with_two_meanings_are_left_out_and_the_header_says_so() {
    let header = codelet_header();
    for line in [
        "/* Left out: header::one::Twice, as header::one and header::other have each a Twice of their own */",
        "/* Left out: header::other::Twice, as header::one and header::other have each a Twice of their own */",
        "/* Left out: header::one::Around, as header::one and header::other have each a Twice of their own */",
        "/* Left out: header::one::Halves, as the struct Halves (8 bytes, 2 fields) is named Halves already */",
    ] {
        assert!(header.contains(line), "{line} in {header}");
    }
    assert!(!header.contains("struct Twice") && !header.contains("struct Around"));
    assert!(!header.contains("#error"), "{header}");
}

#[test]
fn two_structs_of_one_name_are_an_error_that_names_both() {
    let header = CodeletHeader::new()
        .data::<one::Twice>()
        .data::<other::Twice>()
        .to_string();
    assert!(
        header.contains(
            "#error \"the struct Twice (4 bytes, 1 fields) and the struct Twice (3 bytes, 1 fields) would both \
             be named Twice in C\""
        ),
        "{header}"
    );
}

/// Each compiler that is there, for the machine and for codelets.
#[test]
fn c_compilers_agree_with_every_size_and_offset() {
    let use_all = "
        void all(struct app_everything_ctx *ctx, struct halves_ctx *halves, struct tick_ctx *tick) {
            Everything *e = (Everything *)ctx->data;
            (void)set_priority(&e->halves[1], (const uint8_t *)e->name, 0, level());
            audit(0, e, sizeof *e, halves, tick->number);
        }\n";
    let source = format!("{}{use_all}", codelet_header());
    let mut compiled = 0;
    for command in [
        "clang -target bpf -O2 -Wall -Wextra -Werror -fsyntax-only -xc -",
        "clang -Wall -Wextra -Werror -fsyntax-only -xc -",
        "cc -Wall -Wextra -Werror -fsyntax-only -xc -",
    ] {
        let mut words = command.split(' ');
        let includes = concat!("-I", env!("CARGO_MANIFEST_DIR"), "/../codelets/include");
        let mut with_includes: Vec<&str> = words.by_ref().collect();
        if Path::new(&includes["-I".len()..]).exists() {
            with_includes.insert(1, includes);
        }
        let child = Command::new(with_includes[0])
            .args(&with_includes[1..])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            eprintln!("skipped: no `{}` here", with_includes[0]);
            continue;
        };
        child
            .stdin
            .take()
            .unwrap()
            .write_all(source.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        if errors.contains("unknown target") || errors.contains("No available targets") {
            eprintln!("skipped: {command}: {errors}");
            continue;
        }
        assert!(output.status.success(), "{command}:\n{errors}\n{source}");
        compiled += 1;
    }
    eprintln!("{compiled} compilers agree");
}
