//! Programs of a certain size.

use std::fmt::Write;

use jbpf_verifier::RawInsn;

use crate::assembly::{Assembled, assemble};
use crate::programs::Case;

/// A codelet of a thousand instructions. It compares 70 fields of the region with a value each,
/// and counts in a map the fields that differ.
pub fn thousand_instructions() -> Case {
    let mut text = String::from(
        ".map counters array key 4 value 8 entries 64
             ldxdw r6, [r1+0]
             ldxdw r3, [r1+8]
             mov r4, r6
             add r4, 280
             jgt r4, r3, out
",
    );
    for field in 0..70 {
        let offset = 4 * field;
        write!(
            text,
            "    ldxw r7, [r6+{offset}]
                 jeq r7, {field}, next{field}
                 and r7, 63
                 stxw [r10-4], r7
                 lddw r1, map counters
                 mov r2, r10
                 add r2, -4
                 call map_lookup_elem
                 jeq r0, 0, next{field}
                 ldxdw r1, [r0+0]
                 add r1, 1
                 stxdw [r0+0], r1
             next{field}:
"
        )
        .expect("memory");
    }
    text.push_str("out:\n mov r0, 0\n exit\n");
    case("thousand", &text)
}

/// The longest program that the verifier takes. Each bit test doubles the number of different
/// sums.
pub fn hostile() -> Case {
    let mut hostile = case(
        "hostile",
        "    ldxdw r2, [r1+16]
             mov r3, 0
             and r3, 7
             mov r4, r10
             sub r4, r3
             ldxb r0, [r4+0]
             exit
",
    );
    let insn = |opcode, dst, src, off, imm| RawInsn {
        opcode,
        dst,
        src,
        off,
        imm,
    };
    let tests = (0..16_382).flat_map(|test| {
        [
            // jset r2, BIT, over the addition
            insn(0x45, 2, 0, 1, 1 << (test % 30)),
            // add r3, ADDEND; mul r3, 3; xor r3, r2
            insn(0x07, 3, 0, 0, test + 1),
            insn(0x27, 3, 0, 0, 3),
            insn(0xaf, 3, 2, 0, 0),
        ]
    });
    hostile.program.insns.splice(2..2, tests);
    hostile
}

/// Programs that make the verifier hold the most memory.
pub fn that_take_room() -> Vec<Case> {
    vec![hostile(), case("hostile_waiting", &waiting())]
}

/// Programs whose instructions take the verifier long, each program in another way.
pub fn that_take_time() -> Vec<Case> {
    vec![
        case("hostile_copies", &copies()),
        case("hostile_tables", &tables()),
        case("hostile_nest", &nest()),
        case("hostile_trail", &trail()),
        case("hostile_facts", &facts()),
    ]
}

/// A loop fills the stacks of seven functions with copies of one number, byte by byte. Each of
/// many comparisons then changes the bounds of all copies.
fn copies() -> String {
    let mut text = String::from(
        "    mov r9, r1
         again:
             ldxw r1, [r9+24]
             and r1, 255
             call f1
             jeq r0, 1, out
             ja again
         out:
             mov r0, 0
             exit
",
    );
    for function in 1..8 {
        text += &format!("f{function}:\n mov r6, r1\n mov r7, r6\n");
        (1..=512).for_each(|byte| text += &format!(" stxb [r10-{byte}], r6\n"));
        if function < 7 {
            text += &format!(" mov r1, r6\n call f{}\n exit\n", function + 1);
        }
    }
    for number in 0..255 {
        text += &format!(" jne r6, {number}, n{number}\n mov r0, 1\n exit\nn{number}:\n");
    }
    text + " mov r0, 0\n exit\n"
}

/// Every load reads one of 256 entries of a table.
fn tables() -> String {
    let mut text = String::from(".rodata table");
    (0..2048).for_each(|byte| text += &format!(" {:02x}", byte % 251));
    text += "
             ldxdw r6, [r1+16]
             and r6, 2040
             lddw r7, section table
             add r7, r6
             mov r9, 0
         again:
";
    text += &" ldxdw r0, [r7+0]\n".repeat(100);
    text + " add r9, 1\n jlt r9, 9000, again\n mov r0, 0\n exit\n"
}

/// Each iteration leaves a waiting state behind. The state has other numbers in every register and
/// slot.
fn waiting() -> String {
    let mut text = String::from(" mov r9, r1\n mov r0, 0\nagain:\n");
    for slot in 1..=64 {
        text += &format!(
            " ldxdw r6, [r9+16]\n and r6, {}\n stxdw [r10-{}], r6\n",
            1000 + slot,
            8 * slot
        );
    }
    for register in 2..9 {
        text += &format!(
            " ldxdw r{register}, [r9+16]\n and r{register}, {}\n",
            1000 + register
        );
    }
    text + " add r0, 1\n jgt r6, 7, on\n mov r6, 3\non:\n jlt r0, 6000, again\n mov r0, 0\n exit\n"
}

/// Comparisons with the end of the region, each behind another variable.
fn facts() -> String {
    let mut text = String::from(
        " mov r9, r1\n ldxdw r2, [r1]\n ldxdw r3, [r1+8]\n mov r0, 0\n mov r8, 0\nagain:\n",
    );
    for at in 0..300 {
        let slot = 8 * (1 + at % 64);
        text += &format!(
            " ldxw r6, [r9+24]
              and r6, 1023
              mov r5, r2
              add r5, r6
              stxdw [r10-{slot}], r5
              mov r4, r3
              sub r4, r5
              jgt r5, r3, n{at}
              ldxdw r4, [r9+16]
          n{at}:
"
        );
    }
    text + " add r8, 1\n jlt r8, 5000, again\n mov r0, 0\n exit\n"
}

/// Loops in loops, five thousand deep.
fn nest() -> String {
    let mut text = String::from(" mov r9, r1\n mov r0, 0\n");
    (0..5000).for_each(|head| text += &format!("h{head}:\n mov r8, {head}\n"));
    for head in (0..5000).rev() {
        text += &format!(" ldxw r6, [r9+24]\n jeq r6, 77, x{head}\n ja h{head}\nx{head}:\n");
    }
    text + " exit\n"
}

/// One path that goes through branch after branch, as long as the budget allows.
fn trail() -> String {
    let mut text = String::from(" mov r0, 0\n mov r6, 0\nagain:\n");
    (0..30).for_each(|at| text += &format!(" jeq r6, 7, n{at}\nn{at}:\n"));
    text + " add r0, 1\n jlt r0, 29000, again\n exit\n"
}

fn case(name: &str, text: &str) -> Case {
    let Assembled {
        program,
        context,
        helpers,
    } = assemble(text);
    Case {
        name: name.to_owned(),
        program,
        context,
        helpers,
    }
}
