//! Exhaustive on small widths.

use super::super::ops::{AluOp, JumpCond};
use super::super::pair::Pair;
use super::super::tnum::Tnum;
use super::super::word::{Spans, Word};
use super::{holds, oracle};

fn numbers<const BITS: u32>() -> impl Iterator<Item = u64> + Clone {
    0..=Word::<BITS>::MAX
}

fn members<const BITS: u32>(word: &Word<BITS>) -> Vec<u64> {
    numbers::<BITS>().filter(|&n| word.contains(n)).collect()
}

/// The best word that holds these numbers.
fn covering<const BITS: u32>(numbers: impl IntoIterator<Item = u64>) -> Option<Word<BITS>> {
    numbers
        .into_iter()
        .map(Word::constant)
        .reduce(|all, one| all.join(&one))
}

/// Every word: all known bits with all spans. Words that agree are kept once.
fn every_word<const BITS: u32>() -> Vec<Word<BITS>> {
    let half = 1u64 << (BITS - 1);
    let spans = |base: u64| {
        let mut spans = vec![None];
        for first in 0..half {
            spans.extend((first..half).map(|last| Some((base + first, base + last))));
        }
        spans
    };
    let mut words: Vec<Word<BITS>> = Vec::new();
    for mask in numbers::<BITS>() {
        for value in numbers::<BITS>().filter(|value| value & mask == 0) {
            for low in spans(0) {
                for high in spans(half) {
                    let mut ranges = Spans::EMPTY;
                    for (first, last) in [low, high].into_iter().flatten() {
                        ranges.add(first, last);
                    }
                    words.extend(Word::new(Tnum::new(value, mask), ranges));
                }
            }
        }
    }
    words.sort_by_key(|w| {
        (
            w.umin(),
            w.umax(),
            w.smin(),
            w.smax(),
            w.tnum().value(),
            w.tnum().mask(),
        )
    });
    words.dedup();
    words
}

/// The words that cover up to three numbers, and the widest.
fn dense_words<const BITS: u32>() -> Vec<Word<BITS>> {
    let mut words = vec![Word::UNKNOWN];
    for a in numbers::<BITS>() {
        for b in numbers::<BITS>().filter(|b| *b >= a) {
            words.extend(
                numbers::<BITS>()
                    .filter(|c| *c >= b)
                    .filter_map(|c| covering([a, b, c])),
            );
        }
    }
    words.sort_by_key(|w| {
        (
            w.umin(),
            w.umax(),
            w.smin(),
            w.smax(),
            w.tnum().value(),
            w.tnum().mask(),
        )
    });
    words.dedup();
    words
}

fn is_subset<const BITS: u32>(inner: &Word<BITS>, outer: &Word<BITS>) -> bool {
    inner.tnum().is_subset_of(outer.tnum())
        && inner.umin() >= outer.umin()
        && inner.umax() <= outer.umax()
        && inner.smin() >= outer.smin()
        && inner.smax() <= outer.smax()
}

#[test]
fn every_word_ends_with_numbers_that_it_holds_and_reducing_it_again_changes_nothing() {
    for word in every_word::<4>() {
        let members = members(&word);
        let signed = |n: u64| if n >= 8 { n as i64 - 16 } else { n as i64 };
        assert_eq!(Some(&word.umin()), members.iter().min(), "{word:?}");
        assert_eq!(Some(&word.umax()), members.iter().max(), "{word:?}");
        assert_eq!(
            Some(word.smin()),
            members.iter().copied().map(signed).min(),
            "{word:?}"
        );
        assert_eq!(
            Some(word.smax()),
            members.iter().copied().map(signed).max(),
            "{word:?}"
        );
        assert_eq!(Word::new(word.tnum(), word.spans()), Some(word));
        let parts = Word::from_parts(
            word.tnum(),
            word.umin(),
            word.umax(),
            word.smin(),
            word.smax(),
        );
        assert_eq!(parts, word);
    }
}

#[test]
fn known_bits_find_their_neighbours() {
    for mask in numbers::<5>() {
        for value in numbers::<5>().filter(|value| value & mask == 0) {
            let tnum = Tnum::new(value, mask);
            for bound in numbers::<5>() {
                let above = numbers::<5>().find(|n| *n >= bound && tnum.contains(*n));
                let below = numbers::<5>()
                    .filter(|n| *n <= bound && tnum.contains(*n))
                    .last();
                assert_eq!(tnum.at_least(bound), above, "{tnum:?} from {bound}");
                assert_eq!(tnum.at_most(bound), below, "{tnum:?} to {bound}");
            }
        }
    }
}

/// Tries every operator on every pair of words: the result holds every number that the operator
/// may compute.
fn operators_hold_their_results<const BITS: u32>(words: &[Word<BITS>]) {
    let sets: Vec<_> = words.iter().map(|word| (word, members(word))).collect();
    for op in AluOp::ALL {
        for (lhs, left) in &sets {
            for (rhs, right) in &sets {
                let result = Word::alu(op, lhs, rhs);
                for &a in left {
                    for &b in right {
                        let expected = oracle(op, BITS, a, b);
                        assert!(
                            result.contains(expected),
                            "{op:?} {a} {b}: {lhs:?} {rhs:?} gave {result:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn operators_are_sound_on_every_pair_of_two_bit_words() {
    operators_hold_their_results(&every_word::<2>());
}

#[test]
fn operators_are_sound_on_a_dense_family_of_four_bit_words() {
    operators_hold_their_results(&dense_words::<4>());
}

/// The number of results that are the best that a word can say, and the number of all results.
fn exact_results<const BITS: u32>(op: AluOp, words: &[Word<BITS>]) -> (usize, usize) {
    let sets: Vec<_> = words.iter().map(|word| (word, members(word))).collect();
    let mut exact = 0;
    for (lhs, left) in &sets {
        for (rhs, right) in &sets {
            let results = left
                .iter()
                .flat_map(|a| right.iter().map(|b| oracle(op, BITS, *a, *b)));
            let best = covering::<BITS>(results).expect("words are never empty");
            exact += usize::from(is_subset(&Word::alu(op, lhs, rhs), &best));
        }
    }
    (exact, sets.len() * sets.len())
}

#[test]
fn operators_are_as_precise_as_they_were() {
    let words = dense_words::<4>();
    // In percent of all pairs of words; a change that lowers one loses precision.
    let floors = [
        (AluOp::Add, 86),
        (AluOp::Sub, 86),
        (AluOp::Mul, 29),
        (AluOp::Div, 80),
        (AluOp::Sdiv, 96),
        (AluOp::Mod, 42),
        (AluOp::Smod, 59),
        (AluOp::Or, 95),
        (AluOp::And, 95),
        (AluOp::Xor, 85),
        (AluOp::Lsh, 94),
        (AluOp::Rsh, 96),
        (AluOp::Arsh, 99),
        (AluOp::Neg, 99),
        (AluOp::Mov, 100),
    ];
    for (op, floor) in floors {
        let (exact, all) = exact_results(op, &words);
        assert!(
            exact * 100 >= floor * all,
            "{op:?}: {exact} of {all} are exact"
        );
    }
}

#[test]
fn joins_cover_both_and_intersections_what_both_hold() {
    let words = dense_words::<4>();
    for a in &words {
        for b in &words {
            let join = a.join(b);
            assert!(is_subset(a, &join) && is_subset(b, &join), "{a:?} {b:?}");
            assert_eq!(join, b.join(a));
            let common = members(a).into_iter().filter(|n| b.contains(*n));
            match a.intersect(b) {
                Some(both) => {
                    assert!(is_subset(&both, a) && is_subset(&both, b), "{a:?} {b:?}");
                    assert!(common.clone().all(|n| both.contains(n)), "{a:?} {b:?}");
                    assert!(common.count() > 0, "{a:?} and {b:?} have nothing in common");
                }
                None => assert_eq!(common.count(), 0, "{a:?} {b:?}"),
            }
        }
    }
}

#[test]
fn joins_and_intersections_are_monotonic() {
    let words = every_word::<2>();
    let below: Vec<_> = words
        .iter()
        .map(|outer| {
            words
                .iter()
                .filter(|inner| is_subset(inner, outer))
                .collect::<Vec<_>>()
        })
        .collect();
    for (outer, inners) in words.iter().zip(&below) {
        for inner in inners {
            for other in &words {
                assert!(is_subset(&inner.join(other), &outer.join(other)));
                if let Some(both) = inner.intersect(other) {
                    let wider = outer
                        .intersect(other)
                        .expect("it holds what the narrower holds");
                    assert!(is_subset(&both, &wider));
                }
            }
        }
    }
}

#[test]
fn comparisons_keep_what_takes_a_way_and_know_the_dead_ones() {
    let words = dense_words::<4>();
    let sets: Vec<_> = words.iter().map(|word| (word, members(word))).collect();
    for cond in JumpCond::ALL {
        for (lhs, left) in &sets {
            for (rhs, right) in &sets {
                for way in [true, false] {
                    let assumed = Word::assume(cond, way, lhs, rhs);
                    let mut live = false;
                    for &a in left {
                        for &b in right.iter().filter(|&&b| holds(cond, 4, a, b) == way) {
                            live = true;
                            let (l, r) = assumed.expect("a way that numbers take is not dead");
                            assert!(
                                l.contains(a) && r.contains(b),
                                "{cond:?} {way} {a} {b}: {lhs:?} {rhs:?}"
                            );
                        }
                    }
                    // One word cannot say whether two sets of bits can avoid each other.
                    let decidable = cond != JumpCond::Set;
                    assert!(
                        live || !decidable || assumed.is_none(),
                        "{cond:?} {way} is dead: {lhs:?} {rhs:?}"
                    );
                    if let Some((l, r)) = assumed {
                        assert!(
                            is_subset(&l, lhs) && is_subset(&r, rhs),
                            "{cond:?} {way}: {lhs:?} {rhs:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn order_comparisons_leave_the_best_bounds() {
    let words = dense_words::<4>();
    let orders = JumpCond::ALL
        .into_iter()
        .filter(|c| !matches!(c, JumpCond::Eq | JumpCond::Ne | JumpCond::Set));
    for cond in orders {
        for lhs in &words {
            for rhs in &words {
                let left = members(lhs)
                    .into_iter()
                    .filter(|a| members(rhs).iter().any(|b| holds(cond, 4, *a, *b)));
                let right = members(rhs)
                    .into_iter()
                    .filter(|b| members(lhs).iter().any(|a| holds(cond, 4, *a, *b)));
                let bounds = |w: Word<4>| (w.umin(), w.umax(), w.smin(), w.smax());
                let best = covering::<4>(left).zip(covering::<4>(right));
                let found = Word::assume(cond, true, lhs, rhs);
                assert_eq!(
                    found.map(|(l, r)| (bounds(l), bounds(r))),
                    best.map(|(l, r)| (bounds(l), bounds(r))),
                    "{cond:?}: {lhs:?} {rhs:?}"
                );
            }
        }
    }
}

#[test]
fn truncating_and_extending_hold_every_number() {
    for word in every_word::<4>() {
        let (low, wide, signed) = (
            word.truncate::<2>(),
            word.zero_extend::<6>(),
            word.sign_extend::<6>(),
        );
        for n in members(&word) {
            assert!(low.contains(n & 3));
            assert!(wide.contains(n));
            assert!(signed.contains(if n >= 8 { n | 0b11_0000 } else { n }));
        }
        // The gap between the two spans may not survive as one span of the wider word.
        assert!(is_subset(&word, &wide.truncate::<4>()));
        assert_eq!(signed.truncate::<4>(), word);
    }
}

type Small = Pair<4, 2>;

fn pair_contains(pair: &Small, n: u64) -> bool {
    pair.full.contains(n) && pair.low.contains(n & 3)
}

fn dense_pairs() -> Vec<(Small, Vec<u64>)> {
    let mut pairs = Vec::new();
    for full in dense_words::<4>() {
        for low in every_word::<2>() {
            let pair = Small::new(full, low);
            let members: Vec<_> = numbers::<4>()
                .filter(|n| full.contains(*n) && low.contains(n & 3))
                .collect();
            match pair {
                Some(pair) if !pairs.iter().any(|(seen, _)| *seen == pair) => {
                    pairs.push((pair, members))
                }
                Some(_) => {}
                None => assert!(
                    members.is_empty(),
                    "{full:?} and {low:?} agree on {members:?}"
                ),
            }
        }
    }
    pairs
}

#[test]
fn a_number_and_its_low_half_agree_and_lose_nothing() {
    for (pair, members) in dense_pairs() {
        assert!(!members.is_empty(), "{pair:?} holds nothing");
        assert!(
            members.iter().all(|n| pair_contains(&pair, *n)),
            "{pair:?} lost one of {members:?}"
        );
        assert_eq!(Small::new(pair.full, pair.low), Some(pair), "a fixpoint");
        assert_eq!(Some(&pair.full.umin()), members.iter().min(), "{pair:?}");
        assert_eq!(Some(&pair.full.umax()), members.iter().max(), "{pair:?}");
    }
}

#[test]
fn operators_and_comparisons_are_sound_on_numbers_with_low_halves() {
    let pairs = dense_pairs();
    // Every seventh with every eleventh: both are coprime to the family's structure.
    for (lhs, left) in pairs.iter().step_by(7) {
        for (rhs, right) in pairs.iter().step_by(11) {
            for op in AluOp::ALL {
                let (wide, narrow) = (Small::alu(op, lhs, rhs), Small::alu_low(op, lhs, rhs));
                for &a in left {
                    for &b in right {
                        assert!(pair_contains(&wide, oracle(op, 4, a, b)), "{op:?} {a} {b}");
                        assert!(
                            pair_contains(&narrow, oracle(op, 2, a & 3, b & 3)),
                            "low {op:?} {a} {b}"
                        );
                    }
                }
            }
            for cond in JumpCond::ALL {
                for way in [true, false] {
                    let wide = Small::assume(cond, way, lhs, rhs);
                    let narrow = Small::assume_low(cond, way, lhs, rhs);
                    for &a in left {
                        for &b in right {
                            let kept = |refined: Option<(Small, Small)>| {
                                refined.is_some_and(|(l, r)| {
                                    pair_contains(&l, a) && pair_contains(&r, b)
                                })
                            };
                            assert!(
                                holds(cond, 4, a, b) != way || kept(wide),
                                "{cond:?} {way} {a} {b}"
                            );
                            assert!(
                                holds(cond, 2, a & 3, b & 3) != way || kept(narrow),
                                "low {cond:?} {way} {a} {b}"
                            );
                        }
                    }
                }
            }
        }
    }
}
