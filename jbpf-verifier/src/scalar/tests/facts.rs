//! Facts that must be known after the idioms that compilers emit.

use super::super::{AluOp, JumpCond, Scalar, Tnum, Width};

fn range(min: u64, max: u64) -> Scalar {
    Scalar::unsigned_range(min, max).expect("bounds in order")
}

fn signed(min: i64, max: i64) -> Scalar {
    Scalar::signed_range(min, max).expect("bounds in order")
}

fn alu(op: AluOp, width: Width, lhs: Scalar, rhs: impl Into<Scalar>) -> Scalar {
    Scalar::alu(op, width, &lhs, &rhs.into())
}

#[test]
fn a_mask_bounds_an_index() {
    let index = alu(AluOp::And, Width::W64, Scalar::unknown(), 0x3f);
    assert_eq!(index, range(0, 0x3f));
    let scaled = alu(AluOp::Lsh, Width::W64, index, 3);
    assert_eq!(
        (scaled.umin(), scaled.umax(), scaled.tnum().trailing_zeros()),
        (0, 0x1f8, 3)
    );
}

#[test]
fn a_32_bit_move_bounds_64_bits() {
    let moved = alu(AluOp::Mov, Width::W32, Scalar::unknown(), Scalar::unknown());
    assert_eq!(moved, range(0, u32::MAX.into()));
}

#[test]
fn shifting_up_and_down_truncates_or_extends_the_sign() {
    let up = alu(AluOp::Lsh, Width::W64, signed(-5, 5), 32);
    assert_eq!(alu(AluOp::Arsh, Width::W64, up, 32), signed(-5, 5));
    let unknown_up = alu(AluOp::Lsh, Width::W64, Scalar::unknown(), 32);
    assert_eq!(
        alu(AluOp::Rsh, Width::W64, unknown_up, 32),
        range(0, u32::MAX.into())
    );
    let up = alu(AluOp::Lsh, Width::W64, range(0, 20), 32);
    assert_eq!(alu(AluOp::Rsh, Width::W64, up, 32), range(0, 20));
}

#[test]
fn a_32_bit_comparison_bounds_64_bits_once_the_high_half_is_known() {
    let loaded = Scalar::any_of_bits(32);
    let ways = Scalar::branch(JumpCond::Lt, Width::W32, &loaded, &Scalar::constant(10));
    assert_eq!(ways.taken.expect("some are below").0, range(0, 9));
    assert_eq!(
        ways.not_taken.expect("some are not").0,
        range(10, u32::MAX.into())
    );
}

#[test]
fn a_32_bit_comparison_of_an_unknown_register_bounds_its_low_half_alone() {
    let ways = Scalar::branch(
        JumpCond::Slt,
        Width::W32,
        &Scalar::unknown(),
        &Scalar::constant(0),
    );
    let (negative, _) = ways.taken.expect("some are negative");
    assert_eq!((negative.s32_min(), negative.s32_max()), (i32::MIN, -1));
    assert_eq!(negative.umax(), u64::MAX);
    assert!(negative.contains(0x8000_0000) && !negative.contains(0x1_0000_0000));
    let moved = alu(AluOp::Mov, Width::W32, Scalar::unknown(), negative);
    assert_eq!(moved, range(0x8000_0000, 0xffff_ffff));
}

#[test]
fn a_signed_pair_of_checks_bounds_the_unsigned_value() {
    let ways = Scalar::branch(
        JumpCond::Sgt,
        Width::W64,
        &Scalar::unknown(),
        &Scalar::constant(u64::MAX),
    );
    let (nonnegative, _) = ways.taken.expect("some are not negative");
    assert_eq!(nonnegative, range(0, i64::MAX as u64));
    let ways = Scalar::branch(
        JumpCond::Sgt,
        Width::W64,
        &nonnegative,
        &Scalar::constant(63),
    );
    assert_eq!(ways.not_taken.expect("some are small").0, range(0, 63));
}

#[test]
fn the_range_trick_of_compilers_is_understood() {
    // `x - 5 < 10`, unsigned, for `5 <= x && x < 15`, and back by adding 5.
    let shifted = alu(AluOp::Sub, Width::W64, Scalar::unknown(), 5);
    let ways = Scalar::branch(JumpCond::Lt, Width::W64, &shifted, &Scalar::constant(10));
    let back = alu(AluOp::Add, Width::W64, ways.taken.expect("some are").0, 5);
    assert_eq!(back, range(5, 14));
}

#[test]
fn a_subtraction_that_wraps_keeps_its_signed_bounds() {
    assert_eq!(
        alu(AluOp::Sub, Width::W64, range(0, 10), range(0, 10)),
        signed(-10, 10)
    );
    let narrow = alu(AluOp::Sub, Width::W32, range(0, 10), range(0, 10));
    assert_eq!((narrow.s32_min(), narrow.s32_max()), (-10, 10));
    assert_eq!((narrow.umin(), narrow.umax()), (0, u32::MAX.into()));
    assert_eq!(narrow.sign_extend(32), signed(-10, 10));
}

#[test]
fn equality_tells_each_operand_what_the_other_knows() {
    let even = Scalar::from_tnum(Tnum::new(0, !1));
    let ways = Scalar::branch(JumpCond::Eq, Width::W64, &even, &range(5, 9));
    let (l, r) = ways.taken.expect("6 and 8 are both");
    assert_eq!(l, r);
    assert_eq!((l.umin(), l.umax(), l.contains(7)), (6, 8, false));
}

#[test]
fn a_value_excluded_at_the_end_of_a_range_shrinks_it() {
    let ways = Scalar::branch(JumpCond::Ne, Width::W64, &range(0, 9), &Scalar::constant(0));
    assert_eq!(ways.taken.expect("others are left").0, range(1, 9));
    assert_eq!(ways.not_taken.expect("zero is one").0, Scalar::constant(0));
}

#[test]
fn a_tested_bit_is_known_on_both_ways() {
    let ways = Scalar::branch(
        JumpCond::Set,
        Width::W64,
        &Scalar::any_of_bits(8),
        &Scalar::constant(0x80),
    );
    assert_eq!(ways.taken.expect("may be set").0, range(0x80, 0xff));
    assert_eq!(ways.not_taken.expect("may be clear").0, range(0, 0x7f));
    let known = Scalar::branch(
        JumpCond::Set,
        Width::W64,
        &Scalar::constant(6),
        &Scalar::constant(9),
    );
    assert_eq!((known.taken, known.not_taken.is_some()), (None, true));
}

#[test]
fn division_and_remainder_by_what_may_be_zero_include_its_results() {
    assert_eq!(
        alu(AluOp::Div, Width::W64, range(100, 200), range(0, 5)),
        range(0, 200)
    );
    assert_eq!(
        alu(AluOp::Div, Width::W64, range(100, 200), range(2, 5)),
        range(20, 100)
    );
    assert_eq!(
        alu(AluOp::Mod, Width::W64, range(100, 200), range(1, 7)),
        range(0, 6)
    );
    assert_eq!(
        alu(AluOp::Mod, Width::W64, range(100, 200), range(0, 7)),
        range(0, 200)
    );
    assert_eq!(
        alu(AluOp::Sdiv, Width::W64, signed(-9, 9), 2),
        signed(-4, 4)
    );
    assert_eq!(
        alu(AluOp::Smod, Width::W64, signed(-9, 100), 8),
        signed(-7, 7)
    );
}

#[test]
fn the_smallest_number_by_minus_one_is_itself() {
    let least = Scalar::constant(i64::MIN as u64);
    let minus_one = Scalar::constant(u64::MAX);
    assert_eq!(alu(AluOp::Sdiv, Width::W64, least, minus_one), least);
    assert_eq!(
        alu(AluOp::Smod, Width::W64, least, minus_one),
        Scalar::constant(0)
    );
    let around = alu(
        AluOp::Sdiv,
        Width::W64,
        signed(i64::MIN, i64::MIN + 1),
        minus_one,
    );
    assert!(around.contains(i64::MIN as u64) && around.contains(i64::MAX as u64));
}

#[test]
fn a_product_keeps_alignment_and_range() {
    let product = alu(AluOp::Mul, Width::W64, range(0, 10), 12);
    assert_eq!(
        (
            product.umin(),
            product.umax(),
            product.tnum().trailing_zeros()
        ),
        (0, 120, 2)
    );
    let signed_product = alu(AluOp::Mul, Width::W64, signed(-3, 4), signed(-2, 5));
    assert_eq!((signed_product.smin(), signed_product.smax()), (-15, 20));
}

#[test]
fn a_swapped_constant_is_constant() {
    assert_eq!(Scalar::constant(0x1234).to_be(16), Scalar::constant(0x3412));
    assert_eq!(
        Scalar::any_of_bits(8).to_be(16).tnum(),
        Tnum::new(0, 0xff00)
    );
}

#[test]
fn reports_say_the_shortest_thing() {
    let cases = [
        (Scalar::constant(7), "7"),
        (Scalar::constant(u64::MAX), "-1"),
        (Scalar::constant(0xdead_beef), "0xdeadbeef"),
        (range(0, 255), "0..=255"),
        (signed(-8, 8), "-8..=8"),
        (Scalar::unknown(), "unknown"),
        (
            alu(AluOp::Mul, Width::W64, range(0, 63), 4),
            "0..=252, multiple of 4",
        ),
        (
            alu(
                AluOp::Or,
                Width::W64,
                alu(AluOp::And, Width::W64, Scalar::unknown(), 6),
                1,
            ),
            "1..=7, bits 0b??1",
        ),
        (
            alu(AluOp::And, Width::W64, Scalar::unknown(), !7),
            "0..=0xfffffffffffffff8, multiple of 8",
        ),
    ];
    for (scalar, text) in cases {
        assert_eq!(scalar.to_string(), text);
    }
    let low_known = Scalar::branch(
        JumpCond::Lt,
        Width::W32,
        &Scalar::unknown(),
        &Scalar::constant(8),
    );
    let low_known = low_known.taken.expect("some are below").0;
    assert!(
        low_known.to_string().contains("low 32 bits 0..=7")
            || low_known.to_string().contains("bits"),
        "{low_known}"
    );
}

#[test]
fn numbers_one_by_one_are_covered_as_tightly_as_joined() {
    const ENDS: [u64; 8] = [
        0,
        1,
        0x7fff_ffff,
        0x8000_0000,
        1 << 32,
        i64::MAX as u64,
        1 << 63,
        u64::MAX,
    ];
    assert_eq!(Scalar::covering([]), None);
    for sample in 0..1_u64 << (2 * ENDS.len()) {
        // Each end is left out, taken as it is, or moved a little either way.
        let picked = ENDS.iter().enumerate().filter_map(|(at, end)| {
            let how = sample >> (2 * at) & 3;
            (how > 0).then(|| end.wrapping_add(5 * how).wrapping_sub(10))
        });
        let numbers: Vec<u64> = picked.collect();
        let joined = numbers
            .iter()
            .map(|number| Scalar::constant(*number))
            .reduce(|all, one| all.join(&one));
        let covering = Scalar::covering(numbers.iter().copied());
        assert_eq!(covering.is_some(), joined.is_some());
        let (Some(covering), Some(joined)) = (covering, joined) else {
            continue;
        };
        assert!(numbers.iter().all(|number| covering.contains(*number)));
        assert!(
            covering.is_subset_of(&joined),
            "{covering:?} of {numbers:x?}"
        );
    }
}
