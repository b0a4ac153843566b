//! Addresses have the properties that the verifier assumes. That includes frame pointers of
//! functions that store nothing.

use jbpf_hooks::hook::HookKind;
use jbpf_verifier::types::{ContextDef, DataSection, MapDef, MapKind};

use super::{ENGINES, call, map};
use crate::support::{assemble, bind};

/// A data section of 16 bytes: the words 1 and 2.
fn section() -> MapDef {
    let contents: Vec<u8> = [1_u64, 2].map(u64::to_ne_bytes).concat();
    MapDef {
        section: Some(DataSection {
            contents: contents.into(),
            read_only: false,
        }),
        ..map(".data", MapKind::Array, 16, 1)
    }
}

/// The result of a program on this region of two words: the same natively and interpreted.
fn answer(text: &str, words: [u64; 2]) -> u64 {
    let [native, interpreted] = ENGINES.map(|engine| {
        let maps = [section(), map("own", MapKind::PerThreadArray, 8, 4)];
        let codelet = bind("addresses", assemble(text), ContextDef::generic(), &maps);
        let hook = engine.compile(HookKind::Control, &[codelet], None).unwrap();
        call(&hook, &words.map(u64::to_ne_bytes).concat(), &[]).0
    });
    assert_eq!(
        native, interpreted,
        "native, interpreted; {words:#x?}\n{text}"
    );
    native
}

/// r6 and r7 = the two words of the region, r0 = 0.
const WORDS: &str = "
    ldxdw r2, [r1]
    ldxdw r3, [r1+8]
    mov r0, 0
    mov r4, r2
    add r4, 16
    jle r4, r3, +1
    exit
    ldxdw r6, [r2]
    ldxdw r7, [r2+8]";

#[test]
fn frame_pointers_that_are_never_stored_through_bound_what_is_added_to_them() {
    // fp - 16 + n <= fp - 8 leaves at most 8 for n. If fp were 0, the sums would wrap.
    let text = format!(
        "{WORDS}
        and r6, 0x3fffffff
        mov r7, r10
        add r7, -16
        add r7, r6
        mov r8, r10
        add r8, -8
        jgt r7, r8, +4
        lddw r1, section 0 + 0
        add r1, r6
        ldxdw r0, [r1]
        exit"
    );
    for (n, expected) in [(0, 1), (8, 2), (9, 0), (4096, 0), (0x3fff_fff0, 0)] {
        assert_eq!(answer(&text, [n, 0]), expected, "{n:#x}");
    }
}

#[test]
fn frame_pointers_that_are_never_stored_through_are_not_null() {
    // One way brings a frame pointer and a number, the other a number and a pointer: only the
    // number may be 0.
    let text = format!(
        "{WORDS}
        jeq r6, 1, +4
        mov r8, r7
        lddw r9, section 0 + 0
        ja +2
        mov r8, r10
        mov r9, r7
        jne r8, 0, +1
        ldxdw r0, [r9]
        exit"
    );
    for (words, expected) in [([0, 0], 1), ([0, 7], 0), ([1, 0], 0), ([1, 16], 0)] {
        assert_eq!(answer(&text, words), expected, "{words:?}");
    }
}

#[test]
fn frames_that_are_never_stored_to_are_different_ones() {
    let deeper = "
        mov r1, r10
        call +1
        exit
        mov r2, r10
        call +1
        exit
        mov r0, 0
        jne r1, r10, +1
        or r0, 1
        jne r2, r10, +1
        or r0, 2
        jne r1, r2, +1
        or r0, 4
        exit";
    assert_eq!(answer(deeper, [0; 2]), 0);
}

#[test]
fn frame_pointers_are_multiples_of_sixteen() {
    // Sets the lowest bits of fp - 16, which are zero, and stores there: that is fp - 1.
    let store = "
        stdw [r10-8], 0
        stdw [r10-16], 0
        mov r2, r10
        add r2, -16
        or r2, 15
        stb [r2], 1
        ldxb r0, [r10-1]";
    // Beside slots of other sizes: the key of a lookup, and a value that is kept over a call.
    let beside = "
        stw [r10-20], 2
        mov r2, r10
        add r2, -20
        lddw r1, map 1
        call 1";
    let kept = format!("mov r6, r1{beside}\nldxw r7, [r6+24]{store}\nadd r0, r7");
    for body in [store.to_owned(), format!("{beside}{store}"), kept] {
        assert_eq!(answer(&format!("{body}\nexit"), [0; 2]), 1, "{body}");
        let called = format!("stdw [r10-8], 0\ncall +1\nexit\n{body}\nexit");
        assert_eq!(answer(&called, [0; 2]), 1, "{called}");
    }
}
