//! The table of the helpers that a program may call. It holds only prototypes that make sense, so
//! that the verifier and the engines need not ask again.

use jbpf_abi::helper;
use serde::{Deserialize, Serialize};

use super::{ArgKind, HelperProto, MapKind, MapKinds, ReturnKind, Work};

/// The helpers that a program may call, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct HelperTable {
    /// By ascending id. Each makes sense, and no two have the same id or name.
    protos: Vec<HelperProto>,
}

/// A table as it travels. Anybody may have written it.
#[derive(Deserialize)]
struct Unchecked {
    protos: Vec<HelperProto>,
}

/// A prototype that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the helper `{name}` ({id}) makes no sense: {part}")]
pub struct SenselessHelper {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// The part that makes no sense.
    pub part: SenselessPart,
}

/// The part of a prototype that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SenselessPart {
    /// It has no name.
    #[error("it has no name")]
    Nameless,
    /// Another helper has this name.
    #[error("helper {other} has the same name")]
    NameTwice {
        /// The other helper.
        other: u32,
    },
    /// Another helper of the list has this number.
    #[error("another helper has the same number")]
    NumberTwice,
    /// The number is kept for built-in helpers, and none has it.
    #[error(
        "numbers below {} are for built-in helpers, and none has this one",
        helper::FIRST_OF_APPLICATION
    )]
    Number,
    /// A call passes five registers.
    #[error(
        "it takes {count} arguments, and a call passes {} at most",
        helper::MAX_ARGUMENTS
    )]
    TooManyArguments {
        /// The number of arguments.
        count: usize,
    },
    /// A size that is the size of nothing.
    #[error("argument {argument} is a size, and the one before it is no memory of a given size")]
    SizeOfNothing {
        /// The argument, from 1.
        argument: usize,
    },
    /// Memory that no size follows.
    #[error("argument {argument} is memory of a given size, and the next one is no size")]
    NoSize {
        /// The argument, from 1.
        argument: usize,
    },
    /// A key or value of no map.
    #[error("argument {argument} is a key or value, and no map comes before it")]
    NoMap {
        /// The argument, from 1.
        argument: usize,
    },
    /// An argument of no format.
    #[error("argument {argument} is for a format, and no format comes before it")]
    NoFormat {
        /// The argument, from 1.
        argument: usize,
    },
    /// A map of no kind.
    #[error("argument {argument} is a map, and no kind of map is taken")]
    NoKind {
        /// The argument, from 1.
        argument: usize,
    },
    /// A result between bounds that have no number between them.
    #[error("its result is from {min} to {max}")]
    EmptyResult {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// A result that belongs to the map in r1.
    #[error("its result belongs to the map in r1, and the first argument is no map that has such")]
    ResultOfNoMap,
    /// Work on a map that it is not given.
    #[error("its work is that of a map, and it takes no map")]
    WorkOnNoMap,
    /// Work by sizes that it is not given.
    #[error("its work is that of sizes, and it takes no size")]
    WorkOnNoSize,
}

impl HelperTable {
    /// A table of these prototypes.
    ///
    /// # Errors
    /// One of them makes no sense, or two have the same id or name.
    pub fn new(protos: impl IntoIterator<Item = HelperProto>) -> Result<Self, SenselessHelper> {
        let mut table = Self::default();
        for proto in protos {
            if table.get(proto.id).is_some() {
                return Err(senseless(&proto, SenselessPart::NumberTwice));
            }
            table.insert(proto)?;
        }
        Ok(table)
    }

    /// Adds a prototype, which replaces any with the same id.
    ///
    /// # Errors
    /// The prototype makes no sense, or a helper of another id has its name. The table stays as it
    /// was.
    pub fn insert(&mut self, proto: HelperProto) -> Result<(), SenselessHelper> {
        check(&proto).map_err(|part| senseless(&proto, part))?;
        let mut others = self.protos.iter().filter(|other| other.id != proto.id);
        if let Some(other) = others.find(|other| other.name == proto.name) {
            let other = other.id;
            return Err(senseless(&proto, SenselessPart::NameTwice { other }));
        }
        let at = self.protos.partition_point(|known| known.id < proto.id);
        let replaced = self.get(proto.id).is_some();
        self.protos.splice(at..at + usize::from(replaced), [proto]);
        Ok(())
    }

    /// The prototype of a helper.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<&HelperProto> {
        let at = self.protos.binary_search_by_key(&id, |proto| proto.id);
        self.protos.get(at.ok()?)
    }

    /// All prototypes, by ascending id.
    pub fn iter(&self) -> impl Iterator<Item = &HelperProto> {
        self.protos.iter()
    }

    /// The built-in helpers (ABI: helpers).
    #[must_use]
    pub fn builtin() -> Self {
        // By ascending id, each sensible and no name twice: a test looks.
        let known = helper::NAMES.into_iter();
        Self {
            protos: known
                .filter_map(|(id, name)| HelperProto::builtin(id, name))
                .collect(),
        }
    }
}

impl TryFrom<Unchecked> for HelperTable {
    type Error = SenselessHelper;

    fn try_from(table: Unchecked) -> Result<Self, SenselessHelper> {
        Self::new(table.protos)
    }
}

fn senseless(proto: &HelperProto, part: SenselessPart) -> SenselessHelper {
    SenselessHelper {
        id: proto.id,
        name: proto.name.clone(),
        part,
    }
}

fn check(proto: &HelperProto) -> Result<(), SenselessPart> {
    if proto.name.is_empty() {
        return Err(SenselessPart::Nameless);
    }
    let is_built_in = helper::NAMES.iter().any(|(id, _)| *id == proto.id);
    if proto.id < helper::FIRST_OF_APPLICATION && !is_built_in {
        return Err(SenselessPart::Number);
    }
    let count = proto.args.len();
    if count > helper::MAX_ARGUMENTS {
        return Err(SenselessPart::TooManyArguments { count });
    }
    check_arguments(&proto.args)?;
    check_result(proto)?;
    check_work(proto)
}

fn check_arguments(args: &[ArgKind]) -> Result<(), SenselessPart> {
    let (mut has_map, mut has_format) = (false, false);
    let mut before = None;
    for (argument, kind) in (1..).zip(args) {
        let wants_size = before.is_some_and(is_sized_by_next);
        if wants_size && !is_size(kind) {
            let argument = argument - 1;
            return Err(SenselessPart::NoSize { argument });
        }
        match kind {
            ArgKind::Size | ArgKind::SizeUpTo(_) if !wants_size => {
                return Err(SenselessPart::SizeOfNothing { argument });
            }
            ArgKind::MapKey | ArgKind::MapValue if !has_map => {
                return Err(SenselessPart::NoMap { argument });
            }
            ArgKind::FormatArg if !has_format => {
                return Err(SenselessPart::NoFormat { argument });
            }
            ArgKind::Map(MapKinds::Only(kinds)) if kinds.is_empty() => {
                return Err(SenselessPart::NoKind { argument });
            }
            ArgKind::Map(_) => has_map = true,
            ArgKind::Format => has_format = true,
            _ => {}
        }
        before = Some(kind);
    }
    match before {
        Some(last) if is_sized_by_next(last) => Err(SenselessPart::NoSize {
            argument: args.len(),
        }),
        _ => Ok(()),
    }
}

/// Whether the next register holds the size of this memory.
fn is_sized_by_next(kind: &ArgKind) -> bool {
    matches!(
        kind,
        ArgKind::Readable | ArgKind::Writable | ArgKind::Format
    )
}

fn is_size(kind: &ArgKind) -> bool {
    matches!(kind, ArgKind::Size | ArgKind::SizeUpTo(_))
}

fn check_result(proto: &HelperProto) -> Result<(), SenselessPart> {
    let of_outputs = |kind: &MapKind| *kind == MapKind::Output;
    let fits = match (proto.returns, proto.args.first()) {
        (ReturnKind::Number { min, max }, _) if min > max => {
            return Err(SenselessPart::EmptyResult { min, max });
        }
        (ReturnKind::MapValueOrNull, first) => match first {
            Some(ArgKind::Map(MapKinds::Values)) => true,
            Some(ArgKind::Map(MapKinds::Only(kinds))) => {
                kinds.iter().all(|kind| kind.holds_values())
            }
            _ => false,
        },
        (ReturnKind::OutputBufferOrNull | ReturnKind::SentOutput, first) => {
            matches!(first, Some(ArgKind::Map(MapKinds::Only(kinds))) if kinds.iter().all(of_outputs))
        }
        (ReturnKind::Number { .. } | ReturnKind::AnyNumber | ReturnKind::Never, _) => true,
    };
    fits.then_some(()).ok_or(SenselessPart::ResultOfNoMap)
}

fn check_work(proto: &HelperProto) -> Result<(), SenselessPart> {
    let has_map = (proto.args.iter()).any(|kind| matches!(kind, ArgKind::Map(_)));
    let has_size = proto.args.iter().any(is_size);
    for work in &proto.work {
        match work {
            Work::Key | Work::Value | Work::Clear | Work::Dump if !has_map => {
                return Err(SenselessPart::WorkOnNoMap);
            }
            Work::Given | Work::GivenUpTo(_) | Work::Dump if !has_size => {
                return Err(SenselessPart::WorkOnNoSize);
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ArgKind::{
        Format, FormatArg, Map, MapKey, MapValue, Number, Readable, Size, SizeUpTo, Writable,
    };

    fn own(args: &[ArgKind], returns: ReturnKind, work: &[Work]) -> HelperProto {
        HelperProto {
            id: helper::FIRST_OF_APPLICATION,
            name: "own".to_owned(),
            args: args.to_vec(),
            returns,
            work: work.to_vec(),
        }
    }

    fn refusal(proto: HelperProto) -> SenselessPart {
        HelperTable::new([proto]).unwrap_err().part
    }

    #[test]
    fn every_built_in_helper_has_a_prototype_that_makes_sense() {
        let table = HelperTable::builtin();
        let ours = table.iter().map(|proto| (proto.id, proto.name.as_str()));
        assert!(ours.eq(helper::NAMES));
        assert_eq!(HelperTable::new(table.iter().cloned()).unwrap(), table);
    }

    #[test]
    fn sizes_and_memory_belong_together() {
        let any = |args: &[ArgKind]| own(args, ReturnKind::AnyNumber, &[]);
        for (args, part) in [
            (vec![Size], SenselessPart::SizeOfNothing { argument: 1 }),
            (
                vec![Number, SizeUpTo(8)],
                SenselessPart::SizeOfNothing { argument: 2 },
            ),
            (
                vec![Readable, Size, Size],
                SenselessPart::SizeOfNothing { argument: 3 },
            ),
            (vec![Readable], SenselessPart::NoSize { argument: 1 }),
            (
                vec![Number, Writable, Number],
                SenselessPart::NoSize { argument: 2 },
            ),
            (vec![Format, Number], SenselessPart::NoSize { argument: 1 }),
            (vec![MapKey], SenselessPart::NoMap { argument: 1 }),
            (
                vec![MapValue, Map(MapKinds::Any)],
                SenselessPart::NoMap { argument: 1 },
            ),
            (
                vec![FormatArg, Format, Size],
                SenselessPart::NoFormat { argument: 1 },
            ),
            (
                vec![Map(MapKinds::Only(Vec::new()))],
                SenselessPart::NoKind { argument: 1 },
            ),
            (
                vec![Number; 6],
                SenselessPart::TooManyArguments { count: 6 },
            ),
        ] {
            assert_eq!(refusal(any(&args)), part, "{args:?}");
        }
        HelperTable::new([any(&[Readable, Size, Writable, SizeUpTo(8), Number])]).unwrap();
    }

    #[test]
    fn results_and_work_are_about_something() {
        let number = |min, max| ReturnKind::Number { min, max };
        let only = |kind| Map(MapKinds::Only(vec![kind]));
        for (args, returns) in [
            (vec![], ReturnKind::MapValueOrNull),
            (vec![Map(MapKinds::Any)], ReturnKind::MapValueOrNull),
            (vec![only(MapKind::RingBuf)], ReturnKind::MapValueOrNull),
            (
                vec![Number, only(MapKind::Hash)],
                ReturnKind::MapValueOrNull,
            ),
            (vec![Map(MapKinds::Values)], ReturnKind::OutputBufferOrNull),
            (vec![], ReturnKind::SentOutput),
        ] {
            let part = refusal(own(&args, returns, &[]));
            assert_eq!(part, SenselessPart::ResultOfNoMap, "{args:?} {returns:?}");
        }
        let empty = refusal(own(&[], number(1, 0), &[]));
        assert_eq!(empty, SenselessPart::EmptyResult { min: 1, max: 0 });
        for (args, work, part) in [
            (vec![], Work::Clear, SenselessPart::WorkOnNoMap),
            (vec![Readable, Size], Work::Key, SenselessPart::WorkOnNoMap),
            (vec![Number], Work::Given, SenselessPart::WorkOnNoSize),
            (
                vec![Map(MapKinds::Any)],
                Work::Dump,
                SenselessPart::WorkOnNoSize,
            ),
        ] {
            assert_eq!(refusal(own(&args, number(0, 0), &[work])), part, "{work:?}");
        }
    }

    #[test]
    fn numbers_and_names_are_given_once() {
        let proto = || own(&[], ReturnKind::AnyNumber, &[]);
        let named = |id, name: &str| HelperProto {
            id,
            name: name.to_owned(),
            ..proto()
        };
        let below = helper::FIRST_OF_APPLICATION - 2;
        assert_eq!(refusal(named(below, "own")), SenselessPart::Number);
        assert_eq!(refusal(named(40, "")), SenselessPart::Nameless);
        let twice = HelperTable::new([named(40, "a"), named(40, "b")]).unwrap_err();
        assert_eq!((twice.id, twice.part), (40, SenselessPart::NumberTwice));
        let mut table = HelperTable::new([named(41, "b"), named(40, "a")]).unwrap();
        let refused = table.insert(named(41, "a")).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the helper `a` (41) makes no sense: helper 40 has the same name"
        );
        table.insert(named(40, "c")).unwrap();
        let names: Vec<_> = table.iter().map(|proto| proto.name.as_str()).collect();
        assert_eq!(names, ["c", "b"]);
    }

    #[test]
    fn a_table_that_comes_from_elsewhere_is_checked_and_ordered() {
        let table = HelperTable::new([own(&[], ReturnKind::AnyNumber, &[])]).unwrap();
        let mut line = serde_json::to_value(HelperTable::builtin()).unwrap();
        assert_eq!(
            serde_json::from_value::<HelperTable>(line.clone()).unwrap(),
            HelperTable::builtin()
        );
        line["protos"].as_array_mut().unwrap().reverse();
        let read: HelperTable = serde_json::from_value(line.clone()).unwrap();
        assert_eq!(read, HelperTable::builtin());
        line["protos"][0]["args"] = serde_json::json!(["size"]);
        serde_json::from_value::<HelperTable>(line).unwrap_err();
        assert_eq!(table.get(32).map(|proto| proto.name.as_str()), Some("own"));
    }
}
