//! Programs of a certain size.

use std::fmt::Write;

use crate::assembly::{Assembled, assemble};
use crate::programs::Case;

/// A codelet of a thousand instructions: 70 fields of the region, each counted in a map unless it has
/// a value of its own.
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

/// The longest program there is. Each of its bit tests doubles the number of different sums.
pub fn hostile() -> Case {
    let mut text = String::from("    ldxdw r2, [r1+16]\n mov r3, 0\n");
    for test in 0..16_382 {
        let (bit, addend) = (1 << (test % 30), test + 1);
        write!(
            text,
            "    jset r2, {bit}, next{test}
                 add r3, {addend}
             next{test}:
                 mul r3, 3
                 xor r3, r2
"
        )
        .expect("memory");
    }
    text.push_str("    and r3, 7\n mov r4, r10\n sub r4, r3\n ldxb r0, [r4+0]\n exit\n");
    case("hostile", &text)
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
