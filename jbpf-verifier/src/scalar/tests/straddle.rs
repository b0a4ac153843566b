//! At 64 bits, around the edges of 8, 16, 32 and 64.

use proptest::prelude::*;

use super::super::{AluOp, JumpCond, Scalar, Width};
use super::{holds, oracle};

/// Numbers next to the edges where signs and widths change.
const EDGES: [u64; 15] = [
    0,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_0000_0000,
    0xffff_ffff_ffff_ffff,
];

fn near_an_edge() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => (0..EDGES.len(), -20i64..=20).prop_map(|(at, by)| EDGES[at].wrapping_add_signed(by)),
        1 => any::<u64>(),
        1 => any::<u64>().prop_map(|n| n & 0xff),
    ]
}

/// A number and a scalar that holds it: a cover of several numbers, narrowed in ways that keep it.
fn held() -> impl Strategy<Value = (u64, Scalar)> {
    let cover = prop::collection::vec(near_an_edge(), 0..3);
    let narrow = (near_an_edge(), near_an_edge(), near_an_edge());
    (near_an_edge(), cover, any::<[bool; 4]>(), narrow).prop_map(|(n, others, which, by)| {
        let mut scalar = others.iter().fold(Scalar::constant(n), |all, one| {
            all.join(&Scalar::constant(*one))
        });
        if which[0] {
            scalar = scalar.join(&Scalar::unknown());
        }
        let narrowed = [
            Scalar::unsigned_range(n.min(by.0), n.max(by.0)),
            Scalar::signed_range((n as i64).min(by.1 as i64), (n as i64).max(by.1 as i64)),
            Some(Scalar::from_tnum(super::super::Tnum::new(n, by.2))),
        ];
        for (narrower, wanted) in narrowed.into_iter().zip(&which[1..]) {
            let narrower = narrower.expect("the bounds are in order");
            if *wanted {
                scalar = scalar.intersect(&narrower).expect("both hold the number");
            }
        }
        (n, scalar)
    })
}

fn alu_op() -> impl Strategy<Value = AluOp> {
    prop::sample::select(&AluOp::ALL[..])
}

fn condition() -> impl Strategy<Value = JumpCond> {
    prop::sample::select(&JumpCond::ALL[..])
}

fn width() -> impl Strategy<Value = Width> {
    prop::sample::select(&[Width::W32, Width::W64][..])
}

fn low(width: Width, n: u64) -> u64 {
    n & (u64::MAX >> (64 - width.bits()))
}

#[test]
fn constants_fold_to_what_the_operators_compute() {
    let samples: Vec<u64> = EDGES
        .iter()
        .flat_map(|e| [e.wrapping_sub(1), *e, e.wrapping_add(1)])
        .collect();
    for op in AluOp::ALL {
        for width in [Width::W32, Width::W64] {
            for (&a, &b) in samples
                .iter()
                .flat_map(|a| samples.iter().map(move |b| (a, b)))
            {
                let expected = oracle(op, width.bits(), low(width, a), low(width, b));
                assert_eq!(
                    op.evaluate(width, a, b),
                    expected,
                    "{op:?} {width:?} {a:#x} {b:#x}"
                );
                let folded = Scalar::alu(op, width, &Scalar::constant(a), &Scalar::constant(b));
                assert_eq!(
                    folded.as_constant(),
                    Some(expected),
                    "{op:?} {width:?} {a:#x} {b:#x}"
                );
            }
        }
    }
}

#[test]
fn constants_decide_every_comparison() {
    let samples: Vec<u64> = EDGES.iter().flat_map(|e| [e.wrapping_sub(1), *e]).collect();
    for cond in JumpCond::ALL {
        for width in [Width::W32, Width::W64] {
            for (&a, &b) in samples
                .iter()
                .flat_map(|a| samples.iter().map(move |b| (a, b)))
            {
                let expected = holds(cond, width.bits(), low(width, a), low(width, b));
                assert_eq!(cond.holds(width, a, b), expected);
                let (a, b) = (Scalar::constant(a), Scalar::constant(b));
                let ways = Scalar::branch(cond, width, &a, &b);
                assert_eq!(
                    ways.taken,
                    expected.then_some((a, b)),
                    "{cond:?} {width:?} {a} {b}"
                );
                assert_eq!(
                    ways.not_taken,
                    (!expected).then_some((a, b)),
                    "{cond:?} {width:?} {a} {b}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn operators_hold_their_results((a, lhs) in held(), (b, rhs) in held(), op in alu_op(), width in width()) {
        let expected = oracle(op, width.bits(), low(width, a), low(width, b));
        let result = Scalar::alu(op, width, &lhs, &rhs);
        prop_assert!(result.contains(expected), "{lhs} {op:?} {rhs} gave {result} without {expected:#x}");
    }

    #[test]
    fn comparisons_keep_what_takes_a_way((a, lhs) in held(), (b, rhs) in held(), cond in condition(), width in width()) {
        let ways = Scalar::branch(cond, width, &lhs, &rhs);
        let way = if holds(cond, width.bits(), low(width, a), low(width, b)) { ways.taken } else { ways.not_taken };
        let (l, r) = way.expect("a way that numbers take is not dead");
        prop_assert!(l.contains(a) && r.contains(b), "{lhs} {cond:?} {rhs}: {l} and {r}");
        prop_assert!(l.is_subset_of(&lhs) && r.is_subset_of(&rhs), "{lhs} {cond:?} {rhs}: {l} and {r}");
    }

    #[test]
    fn moves_and_swaps_hold_their_results((n, scalar) in held()) {
        prop_assert!(scalar.zero_extend(8).contains(u64::from(n as u8)));
        prop_assert!(scalar.zero_extend(16).contains(u64::from(n as u16)));
        prop_assert!(scalar.zero_extend(32).contains(u64::from(n as u32)));
        prop_assert!(scalar.movsx(8, Width::W64).contains(n as i8 as u64));
        prop_assert!(scalar.movsx(16, Width::W64).contains(n as i16 as u64));
        prop_assert!(scalar.movsx(32, Width::W64).contains(n as i32 as u64));
        prop_assert!(scalar.movsx(8, Width::W32).contains(u64::from(n as i8 as u32)));
        prop_assert!(scalar.movsx(16, Width::W32).contains(u64::from(n as i16 as u32)));
        prop_assert!(scalar.to_le(16).contains(u64::from(n as u16)));
        prop_assert!(scalar.to_be(16).contains(u64::from((n as u16).swap_bytes())));
        prop_assert!(scalar.to_be(32).contains(u64::from((n as u32).swap_bytes())));
        prop_assert!(scalar.byte_swap(64).contains(n.swap_bytes()));
    }

    #[test]
    fn a_scalar_reduced_again_is_the_same((_, scalar) in held()) {
        prop_assert_eq!(scalar.intersect(&scalar), Some(scalar));
        prop_assert_eq!(scalar.intersect(&Scalar::unknown()), Some(scalar));
        prop_assert_eq!(scalar.unpack().join(&scalar.unpack()), scalar.unpack());
        prop_assert!(scalar.is_subset_of(&scalar));
    }

    #[test]
    fn joins_hold_both_and_grow_with_either((a, x) in held(), (b, y) in held(), (_, z) in held()) {
        let join = x.join(&y);
        prop_assert!(join.contains(a) && join.contains(b));
        prop_assert!(x.is_subset_of(&join) && y.is_subset_of(&join));
        prop_assert_eq!(join, y.join(&x));
        prop_assert!(x.join(&z).is_subset_of(&join.join(&z)), "{} and {} with {}", x, join, z);
    }

    #[test]
    fn intersections_lie_in_both_and_grow_with_either((a, x) in held(), (_, y) in held(), (_, z) in held()) {
        let wide = x.join(&y);
        match (x.intersect(&z), wide.intersect(&z)) {
            (Some(narrow), Some(wider)) => {
                prop_assert!(narrow.is_subset_of(&x) && narrow.is_subset_of(&z));
                prop_assert!(narrow.is_subset_of(&wider), "{} in {} with {}", x, wide, z);
                prop_assert!(!z.contains(a) || narrow.contains(a));
            }
            (Some(_), None) => prop_assert!(false, "{} meets {}, and {} does not", x, z, wide),
            (None, _) => prop_assert!(!z.contains(a), "{} and {} share {:#x}", x, z, a),
        }
    }
}
