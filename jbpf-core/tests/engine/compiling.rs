//! The compilation of large codelets: its time and the stack of its code are bounded.
//!
//! The compiler's time grows with the square of the uses of one value, and with the square of the
//! jumps that hand values to one block. These tests count both, in codelets of any length, and
//! measure no time.

use std::collections::BTreeMap;

use jbpf_core::engine::CompileOptions;
use jbpf_core::engine::native::list_dispatch_with;

use super::*;

/// Codelets of one kind of instruction, that many times.
fn repeated(times: usize, wanted: impl Fn(&str) -> bool) -> Vec<(&'static str, Arc<BoundCodelet>)> {
    let value = "stw [r10-4], 0\nmov r2, r10\nadd r2, -4\nlddw r1, map 0\ncall 1\njne r0, 0, +1\nexit\n\
        mov r6, r0\nmov r1, 3\nldxdw r7, [r6+16]\nmov r8, r10\n";
    let kinds = [
        ("loads", "ldxdw r2, [r6+8]\n"),
        ("stores", "stxdw [r6+8], r1\n"),
        ("atomics", "atomic_fetch_or_dw [r6+8], r1\n"),
        ("sums", "add r1, r7\n"),
        ("frames", "stxdw [r8-16], r7\nldxdw r2, [r8-16]\n"),
        ("branches", "jgt r7, 7, +1\nadd r1, r7\n"),
        ("loops", "mov r2, 2\nadd r1, r2\nsub r2, 1\njne r2, 0, -3\n"),
        ("helpers", "call 15\n"),
        (
            "lookups",
            "mov r2, r10\nadd r2, -4\nlddw r1, map 0\ncall 1\njeq r0, 0, +1\nstxdw [r0+8], r7\n",
        ),
    ];
    let of = |(name, text): (&'static str, &str)| {
        let lines = text.lines().count();
        let text = format!("{value}{}mov r0, 0\nexit", text.repeat(times / lines));
        let maps = [map("values", MapKind::Array, 64, 4)];
        (
            name,
            bind(name, assemble(&text), ContextDef::generic(), &maps),
        )
    };
    let kinds = kinds.into_iter().filter(|(name, _)| wanted(name));
    kinds.map(of).collect()
}

/// The uses of the value that is used most, and the jumps to the block that most of them hand
/// values to.
fn most_uses(codelet: &Arc<BoundCodelet>, options: CompileOptions) -> (usize, usize) {
    let codelets = std::slice::from_ref(codelet);
    let listing = list_dispatch_with(HookKind::Control, codelets, None, options).unwrap();
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    let mut jumps: BTreeMap<&str, usize> = BTreeMap::new();
    let is_named = |word: &str, prefix| {
        word.strip_prefix(prefix)
            .is_some_and(|rest: &str| rest.parse::<u32>().is_ok())
    };
    for line in listing
        .functions
        .iter()
        .flat_map(|function| function.ir.lines())
    {
        // The head of a block, or an instruction behind its results.
        if line.starts_with("block") {
            continue;
        }
        let used = line.split_once(" = ").map_or(line, |(_, used)| used);
        for part in used.split_inclusive('(') {
            let mut words = part.split(|c: char| !c.is_ascii_alphanumeric());
            for word in words.clone().filter(|word| is_named(word, "v")) {
                *uses.entry(word).or_default() += 1;
            }
            let target = words.rfind(|word| is_named(word, "block"));
            if let (true, Some(target)) = (part.ends_with('('), target) {
                *jumps.entry(target).or_default() += 1;
            }
        }
    }
    let most = |counts: BTreeMap<&str, usize>| counts.into_values().max().unwrap_or_default();
    (most(uses), most(jumps))
}

#[test]
fn fast_compilation_uses_no_value_often_however_long_the_codelet_is() {
    let options = |guard_accesses, fast_compile| CompileOptions {
        guard_accesses,
        fast_compile,
    };
    // Codelets of this size are listed with their hook.
    let times = 112;
    let mut optimised = (0, 0);
    for (name, codelet) in repeated(times, |_| true) {
        for guard_accesses in [false, true] {
            let (uses, jumps) = most_uses(&codelet, options(guard_accesses, true));
            assert!(uses <= 8, "{name}, guards {guard_accesses}: {uses} uses");
            assert!(
                jumps <= 64,
                "{name}, guards {guard_accesses}: {jumps} jumps"
            );
            let (uses, jumps) = most_uses(&codelet, options(guard_accesses, false));
            optimised = (optimised.0.max(uses), optimised.1.max(jumps));
        }
    }
    assert!(
        optimised.0 > times,
        "the count sees what it is to see: {optimised:?}"
    );
}

/// Both ways to compile give codelets their effects, whatever the length.
#[test]
fn codelets_of_any_length_do_as_the_interpreter() {
    // Long ones of two kinds: they take the verifier some time.
    let long = |name: &str| matches!(name, "atomics" | "frames");
    for times in [12, 112, 4200] {
        for (name, codelet) in repeated(times, |name| times < 4096 || long(name)) {
            let wanted = run_interpreted(&codelet, &[], &[7; 16]).0;
            let inputs = codelet.maps()[0].clone();
            inputs.clear_all().unwrap();
            for guard_accesses in [false, true] {
                let options = CompileOptions {
                    guard_accesses,
                    fast_compile: true,
                };
                let codelets = std::slice::from_ref(&codelet);
                let hook = Engine::Native
                    .compile_with(HookKind::Control, codelets, None, options)
                    .unwrap();
                assert_eq!(call(&hook, &[], &[7; 16]).0, wanted, "{name}, {times}");
                assert_eq!(codelet.aborts().total(), 0, "{name}");
            }
        }
    }
}

/// A codelet that looks at twenty words of a value of one of `count` maps, chosen by its input,
/// and stores to another.
fn one_of(count: usize) -> Arc<BoundCodelet> {
    let mut text = "ldxw r2, [r1+24]\nmod r2, 16\n".to_owned();
    for index in 0..count {
        text.push_str(&format!(
            "lddw r1, map {index}\njeq r2, {index}, +{}\n",
            3 * (count - 1 - index)
        ));
    }
    text.push_str(
        "stw [r10-4], 0\nmov r2, r10\nadd r2, -4\ncall 1\njne r0, 0, +1\nexit\nmov r6, r0\n",
    );
    text.push_str(&"ldxdw r2, [r6+8]\nadd r2, 1\nstxdw [r6+8], r2\n".repeat(10));
    text.push_str("ldxdw r0, [r6+8]\nexit");
    let maps: Vec<_> = (0..count)
        .map(|at| {
            let kind = if at % 2 == 0 {
                MapKind::Array
            } else {
                MapKind::PerThreadArray
            };
            map(&format!("values{at}"), kind, 16 + 8 * at as u32, 4)
        })
        .collect();
    bind("one_of", assemble(&text), ContextDef::generic(), &maps)
}

#[test]
fn guards_of_an_access_to_one_of_many_maps_ask_once_for_all_of_them() {
    let lines = |count| {
        let options = CompileOptions {
            guard_accesses: true,
            ..CompileOptions::default()
        };
        let codelets = [one_of(count)];
        let listing = list_dispatch_with(HookKind::Control, &codelets, None, options).unwrap();
        listing
            .functions
            .iter()
            .map(|f| f.ir.lines().count())
            .sum::<usize>()
    };
    // Each map more has a branch that chooses it, and its address.
    let (some, more) = (lines(6), lines(16));
    assert!(
        more - some <= 10 * 10,
        "{some} lines for 6 maps, {more} for 16"
    );

    let codelet = one_of(16);
    for guard_accesses in [false, true] {
        for fast_compile in [false, true] {
            let options = CompileOptions {
                guard_accesses,
                fast_compile,
            };
            let codelets = std::slice::from_ref(&codelet);
            let hook = Engine::Native
                .compile_with(HookKind::Control, codelets, None, options)
                .unwrap();
            for input in 0..16 {
                let (wanted, ..) = run_interpreted(&codelet, &[], &[input; 16]);
                // Ten more each time, and per-thread maps are this thread's.
                assert_eq!(call(&hook, &[], &[input; 16]).0, wanted + 10, "{input}");
            }
            assert_eq!(codelet.aborts().total(), 0);
        }
    }
}
