//! Map definitions: the `maps` section, and the data sections, each of them a map of one value.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jbpf_abi::object;
use jbpf_verifier::types::{DataSection, MapDef, MapKind, MapParameters};

use crate::elf::{Elf, Section, SectionClass, SymbolClass, SymbolHome, at_most};
use crate::error::ObjectError;

/// Size of `struct jbpf_load_map_def`: eight u32 (ABI: object).
const DEFINITION_SIZE: u64 = object::MAP_DEFINITION_SIZE as u64;
/// Maps of one codelet (ABI: limits), data sections not counted.
pub(crate) const MAX_MAPS: usize = object::MAX_MAPS;
/// Data sections of one object.
const MAX_DATA_SECTIONS: usize = 64;
/// Bytes of all data sections together. `.bss` takes no bytes in the file, so the file's size does
/// not bound them.
const MAX_DATA: u64 = 4 << 20;
/// Bytes of a key.
const MAX_KEY_SIZE: u32 = 4096;
/// Bytes of a map's name, as in load requests. Answers name all maps of a codeletset.
const MAX_NAME_LEN: usize = jbpf_abi::request::MAX_NAME;

/// Every map that instructions can refer to, and the place of its definition or contents.
#[derive(Debug)]
pub(crate) struct Definitions {
    /// The maps of the `maps` sections in the order of their definitions; then the data sections
    /// that code refers to, in the order of the file.
    pub(crate) maps: Vec<MapDef>,
    /// Section and offset of each definition, to its index in `maps`.
    places: BTreeMap<(usize, u64), usize>,
    /// Data sections, to their index in `maps`.
    data: BTreeMap<usize, usize>,
}

impl Definitions {
    pub(crate) fn read(elf: &Elf<'_>) -> Result<Self, ObjectError> {
        let mut definitions = Self {
            maps: Vec::new(),
            places: BTreeMap::new(),
            data: BTreeMap::new(),
        };
        for (index, section) in elf.sections.iter().enumerate() {
            if section.name == ".maps" && section.size > 0 {
                return Err(ObjectError::ForeignMaps {
                    section: section.name.to_owned(),
                });
            }
            if is_map_section(section) && section.size > 0 {
                definitions.read_section(elf, index, section)?;
            }
        }
        definitions.refuse_duplicates()?;
        definitions.read_data(elf)?;
        Ok(definitions)
    }

    /// The map whose definition begins at this offset of this section.
    pub(crate) fn map_at(&self, section: usize, offset: u64) -> Option<usize> {
        self.places.get(&(section, offset)).copied()
    }

    /// The map that stands for a data section.
    pub(crate) fn data_section(&self, section: usize) -> Option<usize> {
        self.data.get(&section).copied()
    }

    fn read_section(
        &mut self,
        elf: &Elf<'_>,
        index: usize,
        section: &Section<'_>,
    ) -> Result<(), ObjectError> {
        let mut names: BTreeMap<u64, &str> = BTreeMap::new();
        for symbol in &elf.symbols {
            let is_definition = symbol.home == SymbolHome::Section(index)
                && matches!(symbol.class, SymbolClass::Object | SymbolClass::Untyped)
                && !symbol.name.is_empty();
            if !is_definition {
                continue;
            }
            if symbol.size != 0 && symbol.size != DEFINITION_SIZE {
                return Err(ObjectError::MapDefinitionSize {
                    map: symbol.name.to_owned(),
                    size: symbol.size,
                });
            }
            let end = symbol.value.saturating_add(DEFINITION_SIZE);
            let misplaced = |problem| ObjectError::BadSymbol {
                symbol: symbol.name.to_owned(),
                section: section.name.to_owned(),
                start: symbol.value,
                end,
                problem,
            };
            if end > section.size {
                return Err(misplaced("which ends before them"));
            }
            if !symbol.value.is_multiple_of(DEFINITION_SIZE) {
                return Err(misplaced(
                    "which is not where one of its 32-byte definitions lies",
                ));
            }
            if let Some(first) = names.insert(symbol.value, symbol.name) {
                return Err(ObjectError::OverlappingSymbols {
                    first: first.to_owned(),
                    second: symbol.name.to_owned(),
                    section: section.name.to_owned(),
                });
            }
        }
        let covered = names.len() as u64 * DEFINITION_SIZE;
        if covered != section.size {
            let start = (0..section.size)
                .step_by(DEFINITION_SIZE as usize)
                .find(|offset| !names.contains_key(offset))
                .unwrap_or(covered);
            return Err(ObjectError::UnnamedMap {
                section: section.name.to_owned(),
                start,
                end: section.size.min(start.saturating_add(DEFINITION_SIZE)),
            });
        }
        at_most("maps", self.maps.len() + names.len(), MAX_MAPS)?;
        if let Some((&offset, _)) = section.relocations.first_key_value() {
            return Err(ObjectError::PointerInData {
                section: section.name.to_owned(),
                offset,
            });
        }
        for ((offset, name), bytes) in names
            .into_iter()
            .zip(section.bytes.chunks_exact(DEFINITION_SIZE as usize))
        {
            self.places.insert((index, offset), self.maps.len());
            self.maps.push(read_definition(name, bytes)?);
        }
        Ok(())
    }

    fn refuse_duplicates(&self) -> Result<(), ObjectError> {
        let mut seen = BTreeSet::new();
        for map in &self.maps {
            if !seen.insert(map.name.as_str()) {
                return Err(ObjectError::DuplicateMap {
                    map: map.name.clone(),
                });
            }
        }
        Ok(())
    }

    /// Takes the data sections that code refers to, and ignores the others.
    fn read_data(&mut self, elf: &Elf<'_>) -> Result<(), ObjectError> {
        let mut used = BTreeSet::new();
        for section in &elf.sections {
            if section.class != SectionClass::Code {
                continue;
            }
            for relocation in section.relocations.values() {
                if let Some(symbol) = elf.symbols.get(relocation.symbol)
                    && let SymbolHome::Section(home) = symbol.home
                {
                    used.insert(home);
                }
            }
        }
        let mut total = 0;
        for index in used {
            let Some(section) = elf.sections.get(index) else {
                continue;
            };
            let left = MAX_DATA - total;
            if let Some(def) = data_definition(section, left)? {
                total += u64::from(def.value_size);
                at_most("data sections", self.data.len() + 1, MAX_DATA_SECTIONS)?;
                self.data.insert(index, self.maps.len());
                self.maps.push(def);
            }
        }
        self.refuse_duplicates()
    }
}

/// Whether the name is `maps`, or `maps/anything` for authors who sort their maps.
pub(crate) fn is_map_section(section: &Section<'_>) -> bool {
    section.class == SectionClass::Loaded
        && (section.name == "maps" || section.name.starts_with("maps/"))
}

fn read_definition(name: &str, bytes: &[u8]) -> Result<MapDef, ObjectError> {
    let mut words = bytes
        .chunks_exact(4)
        .filter_map(|word| word.try_into().ok())
        .map(u32::from_le_bytes);
    let bad = |problem: String| ObjectError::BadMap {
        map: name.to_owned(),
        problem,
    };
    let mut word = || {
        words
            .next()
            .ok_or_else(|| bad("its definition is cut short".to_owned()))
    };
    let (number, key_size, value_size, max_entries) = (word()?, word()?, word()?, word()?);
    if name.len() > MAX_NAME_LEN {
        let len = name.len();
        return Err(bad(format!(
            "its name has {len} bytes; the limit is {MAX_NAME_LEN}"
        )));
    }
    let kind = MapKind::from_number(number).ok_or_else(|| {
        bad(format!(
            "type {number} does not exist; types are 1 to 7, and from 16 those of the application"
        ))
    })?;
    let mut parameters = MapParameters::default();
    if let MapKind::Application(_) = kind {
        // The application gives the numbers of its own kinds their meaning, so they are not
        // checked here.
        parameters = MapParameters {
            flags: word()?,
            inner_map: word()?,
            numa_node: word()?,
            hash_functions: word()?,
        };
    } else {
        check_sizes(kind, key_size, value_size, max_entries).map_err(bad)?;
    }
    Ok(MapDef {
        name: name.to_owned(),
        kind,
        key_size: if kind.is_channel() { 0 } else { key_size },
        value_size,
        max_entries,
        parameters,
        section: None,
    })
}

fn check_sizes(
    kind: MapKind,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
) -> Result<(), String> {
    if value_size == 0 {
        return Err("value_size is 0; it is the size of one value or record".to_owned());
    }
    if max_entries == 0 {
        return Err("max_entries is 0; it is how many entries the map holds".to_owned());
    }
    let indexed = matches!(kind, MapKind::Array | MapKind::PerThreadArray);
    if indexed && key_size < 4 {
        return Err(format!(
            "key_size is {key_size}; the index of an array takes 4 bytes"
        ));
    }
    if matches!(kind, MapKind::Hash | MapKind::PerThreadHash) && key_size == 0 {
        return Err("key_size is 0; a hash map needs a key".to_owned());
    }
    if key_size > MAX_KEY_SIZE {
        return Err(format!(
            "key_size is {key_size}; the limit is {MAX_KEY_SIZE}"
        ));
    }
    Ok(())
}

/// The map that stands for a data section of at most `left` bytes; `None` if the section is no
/// data section, or empty.
fn data_definition(section: &Section<'_>, left: u64) -> Result<Option<MapDef>, ObjectError> {
    let named = |prefix: &str| {
        section
            .name
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let read_only = named(".rodata");
    let loaded = matches!(section.class, SectionClass::Loaded | SectionClass::Zeroed);
    if !loaded || !(read_only || named(".data") || named(".bss")) || section.size == 0 {
        return Ok(None);
    }
    if section.size > left {
        return Err(ObjectError::DataSectionSize {
            section: section.name.to_owned(),
            size: section.size,
            limit: MAX_DATA,
        });
    }
    if let Some((&offset, _)) = section.relocations.first_key_value() {
        return Err(ObjectError::PointerInData {
            section: section.name.to_owned(),
            offset,
        });
    }
    let contents: Arc<[u8]> = if section.class == SectionClass::Zeroed {
        std::iter::repeat_n(0, section.size as usize).collect()
    } else {
        section.bytes.into()
    };
    Ok(Some(MapDef {
        name: section.name.to_owned(),
        kind: MapKind::Array,
        key_size: 4,
        value_size: section.size as u32,
        max_entries: 1,
        parameters: MapParameters::default(),
        section: Some(DataSection {
            contents,
            read_only,
        }),
    }))
}
