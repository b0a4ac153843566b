//! An existing function can be annotated as it is: its attributes, its patterns of names, its result.

use jbpf_hooks::{jbpf_data, jbpf_hook};

#[jbpf_data]
struct Packet {
    seq_no: i32,
}

/// Shadows what expansions might use.
#[allow(dead_code, non_camel_case_types)]
mod core {}
#[allow(dead_code)]
struct Option;
#[allow(dead_code)]
const Some: u32 = 1;

#[jbpf_hook]
#[track_caller]
#[inline(never)]
#[must_use]
#[expect(unused_mut, reason = "kept as it stands")]
fn borrowed(mut packet: &'static Packet) -> &'static i32 {
    &packet.seq_no
}

#[jbpf_hook]
fn names(bounds: &[u8], context: u32, answer: u8, r#type: u16) -> std::string::String {
    format!("{} {context} {answer} {}", bounds.len(), r#type)
}

#[jbpf_hook(control)]
fn early(packet: &mut Packet, answer: u64) -> u64 {
    #![allow(clippy::needless_return)]
    if packet.seq_no > 3 {
        return answer;
    }
    packet.seq_no += 1;
    early(packet, answer)
}

#[jbpf_hook]
fn fails(values: &[u16; 3], #[jbpf(skip)] message: &str) -> Result<(), std::string::String> {
    let _ = values;
    Err(message.to_owned())?;
    Ok(())
}

#[jbpf_hook]
fn opaque(ctx_id: u32) -> impl Iterator<Item = u32> {
    0..ctx_id
}

#[jbpf_hook]
#[cfg(any())]
fn absent(packet: &NoSuchType, number: AlsoNone) {}

fn inside_a_function() -> u32 {
    #[jbpf_hook(name = "nested")]
    fn local(ctx_id: u32) -> u32 {
        ctx_id + 1
    }
    local(1)
}

fn main() {
    static PACKET: Packet = Packet { seq_no: 7 };
    assert_eq!(*borrowed(&PACKET), 7);
    assert_eq!(names(b"abc", 1, 2, 3), "3 1 2 3");
    assert_eq!(early(&mut Packet { seq_no: 0 }, 9), 9);
    assert_eq!(opaque(3).count(), 3);
    assert_eq!(inside_a_function(), 2);
    assert_eq!(fails(&[1, 2, 3], "late"), Err("late".to_owned()));
}
