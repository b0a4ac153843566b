//! The counts of programs that were tried, and the features that they exercised.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::feature::{Circumstance, Feature};
use super::oracle::Verdict;
use super::program::Case;
use super::row::{Row, TABLE, can_be_accepted};

/// Programs that have a feature.
#[derive(Debug, Default, Clone, Copy)]
pub struct Exercised {
    pub tried: u64,
    pub accepted: u64,
    /// Accepted, and some run got there.
    pub executed: u64,
}

#[derive(Debug, Default)]
pub struct Tally {
    pub programs: u64,
    pub accepted: u64,
    pub recorded: u64,
    pub path_by_path: u64,
    /// Accepted programs for which the evaluator gave the effects of every run. `silent` counts
    /// the reasons for which it did not.
    pub evaluated: u64,
    silent: BTreeMap<String, u64>,
    /// Accepted with merged paths; and all those merges.
    pub merging: u64,
    pub merged: u64,
    pub too_complex: u64,
    /// Rejected though all paths are right.
    pub needlessly: u64,
    features: BTreeMap<Feature, Exercised>,
    /// Accepted programs by circumstance.
    circumstances: BTreeMap<Circumstance, u64>,
    /// Programs that met a row, and those of them that were accepted.
    rows: BTreeMap<Row, (u64, u64)>,
}

impl Tally {
    pub fn add(&mut self, case: &Case, verdict: &Verdict) {
        self.programs += 1;
        match verdict {
            Verdict::Rejected {
                needlessly,
                too_complex,
                ..
            } => {
                self.needlessly += u64::from(*needlessly);
                self.too_complex += u64::from(*too_complex);
            }
            Verdict::Accepted {
                recorded,
                path_by_path,
                merged,
                circumstances,
                silent,
                ..
            } => {
                for circumstance in circumstances {
                    *self.circumstances.entry(*circumstance).or_default() += 1;
                }
                match silent {
                    None => self.evaluated += 1,
                    Some(stop) => *self.silent.entry(stop.to_string()).or_default() += 1,
                }
                self.accepted += 1;
                self.recorded += u64::from(*recorded);
                self.path_by_path += u64::from(*path_by_path);
                self.merging += u64::from(*merged > 0);
                self.merged += merged;
            }
        }
        let (Verdict::Rejected { met, .. } | Verdict::Accepted { met, .. }) = verdict;
        let is_accepted = matches!(verdict, Verdict::Accepted { .. });
        for row in met {
            let (made, accepted) = self.rows.entry(*row).or_default();
            *made += 1;
            *accepted += u64::from(is_accepted);
        }
        let mut uses: BTreeMap<Feature, bool> = BTreeMap::new();
        for used in &case.uses {
            let executed = match verdict {
                Verdict::Accepted { executed, .. } => executed.contains(&used.insn),
                Verdict::Rejected { .. } => false,
            };
            *uses.entry(used.feature).or_default() |= executed;
        }
        for (feature, executed) in uses {
            let exercised = self.features.entry(feature).or_default();
            exercised.tried += 1;
            exercised.accepted += u64::from(matches!(verdict, Verdict::Accepted { .. }));
            exercised.executed += u64::from(executed);
        }
    }

    /// Accepted programs by circumstance.
    pub fn found(&self, circumstance: Circumstance) -> u64 {
        self.circumstances
            .get(&circumstance)
            .copied()
            .unwrap_or_default()
    }

    /// Programs that met a row, and those of them that were accepted.
    pub fn met(&self, row: Row) -> (u64, u64) {
        self.rows.get(&row).copied().unwrap_or_default()
    }

    /// Whether no program has shown yet the fate of programs that meet this row.
    pub fn is_empty(&self, row: Row) -> bool {
        let (made, accepted) = self.met(row);
        if can_be_accepted(row) {
            accepted == 0
        } else {
            made == 0
        }
    }

    /// Rows of the table that are empty.
    pub fn empty(&self) -> Vec<Row> {
        let rows = TABLE.iter().copied();
        rows.filter(|row| self.is_empty(*row)).collect()
    }

    /// Rows that accepted programs met, and that the table does not have, or not for them.
    pub fn unexpected(&self) -> Vec<Row> {
        let table: BTreeSet<Row> = TABLE.iter().copied().collect();
        let accepted = self.rows.iter().filter(|(_, (_, accepted))| *accepted > 0);
        let rows = accepted.map(|(row, _)| *row);
        rows.filter(|row| !can_be_accepted(*row) || !table.contains(row))
            .collect()
    }

    pub fn exercised(&self, feature: Feature) -> Exercised {
        self.features.get(&feature).copied().unwrap_or_default()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} programs, {} accepted ({} held against a record, {} against all paths one by one, \
             {} evaluated), {} with merged loops ({} merges), {} too complex, {} rejected needlessly",
            self.programs,
            self.accepted,
            self.recorded,
            self.path_by_path,
            self.evaluated,
            self.merging,
            self.merged,
            self.too_complex,
            self.needlessly
        )?;
        for (why, times) in &self.silent {
            writeln!(f, "{times:>9} {why}")?;
        }
        for &circumstance in Circumstance::ALL {
            let name = format!("{circumstance:?}");
            writeln!(f, "{name:<28} {:>19}", self.found(circumstance))?;
        }
        writeln!(
            f,
            "{:<28} {:>9} {:>9} {:>9}",
            "", "tried", "accepted", "executed"
        )?;
        for &feature in Feature::ALL {
            let Exercised {
                tried,
                accepted,
                executed,
            } = self.exercised(feature);
            let name = format!("{feature:?}");
            writeln!(f, "{name:<28} {tried:>9} {accepted:>9} {executed:>9}")?;
        }
        Ok(())
    }
}
