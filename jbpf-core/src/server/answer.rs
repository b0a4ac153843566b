//! Answers that are ready at once: facts about the application, and records for codelets.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use jbpf_channel::record::RecordType;
use jbpf_channel::shared::Channels;
use jbpf_channel::{InputRing, OutputRing, RawReceiver, StreamId};
use jbpf_hooks::context::RegionLayout;
use jbpf_hooks::hook::{Hook, HookKind};
use jbpf_hooks::layout::Type;
use jbpf_hooks::{header, registry};
use jbpf_operator::info::{CodeletsetInfo, MapInfo};
use jbpf_operator::nearest::nearest;
use jbpf_operator::protocol::{
    AttachedReport, Bytes, Element, ErrorCode, ErrorReport, Hello, HookReport, HookRole, MAX_LINE,
    MapBody, MapPage, MemoryReport, Reply, StatisticsBody, StreamReport,
};
use jbpf_operator::stats::HookStatistics;
use jbpf_operator::stream::Direction;
use jbpf_verifier::types::ContextDef;
use serde::Serialize;

use crate::codeletset::{self, Channel, LoadedSet, NamedMap};
use crate::containment;
use crate::error::{OpenError, UnloadError};
use crate::runtime::{MeasuredHook, Shared, find_hook};

/// The most codelets of a hook, and of a codeletset, in one entry of a page: so many fit into a
/// line, with the longest names, and with all their maps and channels.
const CODELETS_OF_A_HOOK: usize = 32;
const CODELETS_OF_A_SET: usize = 4;

/// The most elements of a page, and bytes of them, which base64 makes a third more.
const PAGE_ELEMENTS: u32 = 4096;
const PAGE_BYTES: usize = 512 << 10;

/// The most bytes that a page of a map has beside its types, and the bytes of its elements: their
/// fields' names and threads, and the padding of base64.
const PAGE_OVERHEAD: usize = PAGE_ELEMENTS as usize * 64 + 1024;

/// The most bytes of one element: in base64, they fill a line.
const ELEMENT_BYTES: u64 = MAX_LINE as u64 / 4 * 3;

/// The most hooks that a request names.
const MAX_HOOK_NAMES: usize = 1024;

pub(super) fn hello(shared: &Shared, since: Instant) -> Reply {
    let sets = shared.sets();
    Reply::Hello(Hello {
        name: shared.name().to_owned(),
        pid: std::process::id(),
        jbpf: env!("CARGO_PKG_VERSION").to_owned(),
        executable: std::env::current_exe()
            .ok()
            .and_then(|path| Some(path.to_str()?.to_owned())),
        aborts_on_panic: containment::ABORTS,
        uptime_s: since.elapsed().as_secs(),
        codeletsets: sets.len(),
        codelets: sets.values().map(|set| set.codelets.len()).sum(),
        memory: memory(shared, &sets),
    })
}

fn memory(shared: &Shared, sets: &BTreeMap<String, Arc<LoadedSet>>) -> MemoryReport {
    let budget = shared.budget();
    let codelets = sets.values().flat_map(|set| &set.codelets);
    let maps = codelets.flat_map(|codelet| &codelet.maps);
    // A linked map is one map.
    let maps: BTreeMap<_, _> = maps.map(|it| (Arc::as_ptr(&it.map), &it.map)).collect();
    let loaded: usize = maps.values().map(|map| map.memory()).sum();
    let used = budget.map_or(loaded, |budget| budget.used());
    MemoryReport {
        used: used as u64,
        limit: budget
            .map(|budget| budget.limit())
            .filter(|limit| *limit != usize::MAX)
            .map(|limit| limit as u64),
        unloaded: used.saturating_sub(loaded) as u64,
    }
}

pub(super) fn hooks(shared: &Shared, skip: Option<u64>) -> Reply {
    let sets = shared.sets();
    let report = |hook| {
        let measured = shared.board().get(hook);
        let sets = sets.values().map(AsRef::as_ref);
        hook_report(hook, shared.context(hook.info()), sets, measured.as_deref())
    };
    let mut hooks: Vec<_> = registry::hooks().collect();
    hooks.sort_by_key(|hook| hook.info().name);
    let parts = |report| {
        parts(report, CODELETS_OF_A_HOOK, |it: &mut HookReport| {
            &mut it.codelets
        })
    };
    Reply::Hooks(page(hooks.into_iter().map(report), skip, parts))
}

/// A report, cut into parts of so many codelets at most. The parts are equal in all else, and a
/// reader puts them together.
fn parts<T: Clone, C>(mut whole: T, most: usize, codelets: fn(&mut T) -> &mut Vec<C>) -> Vec<T> {
    if codelets(&mut whole).len() <= most {
        return vec![whole];
    }
    let mut rest = core::mem::take(codelets(&mut whole));
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let further = rest.split_off(rest.len().min(most));
        let mut part = whole.clone();
        *codelets(&mut part) = core::mem::replace(&mut rest, further);
        parts.push(part);
    }
    parts
}

/// All reports; or their parts, after so many of them, as many as go into a line.
fn page<T: Serialize>(
    all: impl Iterator<Item = T>,
    skip: Option<u64>,
    parts: impl Fn(T) -> Vec<T>,
) -> Vec<T> {
    let Some(skip) = skip else {
        return all.collect();
    };
    let mut bytes = 0;
    let mut page = Vec::new();
    let rest = all.flat_map(parts);
    for one in rest.skip(usize::try_from(skip).unwrap_or(usize::MAX)) {
        bytes += serde_json::to_vec(&one).map_or(0, |json| json.len() + 1);
        if bytes > PAGE_BYTES && !page.is_empty() {
            break;
        }
        page.push(one);
    }
    page
}

fn hook_report<'a>(
    hook: &'static Hook,
    context: ContextDef,
    sets: impl Iterator<Item = &'a LoadedSet>,
    measured: Option<&MeasuredHook>,
) -> HookReport {
    let info = hook.info();
    let codelets = codeletset::in_order(hook, sets)
        .into_iter()
        .map(|(set, codelet)| AttachedReport {
            codeletset: set.id.clone(),
            codelet: codelet.name.clone(),
            priority: codelet.priority,
            calls: measured
                .and_then(|measured| measured.measured_of(&codelet.bound))
                .map(|measured| measured.calls),
        })
        .collect();
    HookReport {
        name: info.name.to_owned(),
        kind: role(info.kind),
        program_type: info.program_type.map(str::to_owned),
        file: info.file.to_owned(),
        line: info.line,
        docs: info.docs.to_owned(),
        context,
        data: region_type(&info.context.region),
        codelets,
        calls: measured.map(|measured| measured.measured().calls),
        skipped: hook.skipped(),
        kept: crate::runtime::kept(hook),
    }
}

fn role(kind: HookKind) -> HookRole {
    match kind {
        HookKind::Monitoring => HookRole::Monitoring,
        HookKind::Control => HookRole::Control,
    }
}

/// Each name is looked for among all hooks, and a line has room for a hundred thousand of them.
pub(super) fn check_names(names: Option<&[String]>) -> Result<(), ErrorReport> {
    let given = names.map_or(0, <[String]>::len);
    if given <= MAX_HOOK_NAMES {
        return Ok(());
    }
    let message = format!(
        "{given} names of hooks are given, and {MAX_HOOK_NAMES} may be; without names, all hooks are meant"
    );
    Err(ErrorReport::new(ErrorCode::TooManyEntries, message))
}

pub(super) fn statistics(shared: &Shared, body: &StatisticsBody) -> Reply {
    if let Err(error) = check_names(body.hooks.as_deref()) {
        return Reply::Error(error);
    }
    let mut hooks = shared.statistics().hooks;
    if let Some(wanted) = &body.hooks {
        for name in wanted {
            if let Err(error) = find_hook(name) {
                return Reply::Error(ErrorReport::from(&error));
            }
        }
        hooks.retain(|hook| wanted.contains(&hook.hook));
    }
    let parts = |hook| {
        parts(hook, CODELETS_OF_A_HOOK, |hook: &mut HookStatistics| {
            &mut hook.codelets
        })
    };
    Reply::Statistics(page(hooks.into_iter(), body.skip, parts))
}

fn region_type(region: &RegionLayout) -> Option<RecordType> {
    match region {
        RegionLayout::Value {
            ty: Type::Struct(layout),
            ..
        }
        | RegionLayout::Slice {
            element: Type::Struct(layout),
            ..
        } => Some(RecordType::of_layout(layout)),
        _ => None,
    }
}

pub(super) fn header(skip: Option<u64>) -> Reply {
    let mut text = header::codelet_header();
    if let Some(skip) = skip {
        let start = text.floor_char_boundary(usize::try_from(skip).unwrap_or(usize::MAX));
        text.drain(..start);
        // JSON escapes ends of lines and quotes.
        text.truncate(text.floor_char_boundary(PAGE_BYTES / 2));
    }
    Reply::Header { text }
}

pub(super) fn list(shared: &Shared, skip: Option<u64>) -> Reply {
    let sets = shared.sets();
    let infos = sets.values().map(|set| set.info());
    Reply::List(page(infos, skip, parts_of_set))
}

fn parts_of_set(report: CodeletsetInfo) -> Vec<CodeletsetInfo> {
    parts(report, CODELETS_OF_A_SET, |it| &mut it.codelets)
}

pub(super) fn show(shared: &Shared, id: &str, skip: Option<u64>) -> Reply {
    let sets = shared.sets();
    match sets.get(id) {
        Some(set) => Reply::Show(part_of_set(set.info(), skip)),
        None => Reply::Error(not_loaded(id, sets.keys())),
    }
}

/// A codeletset; or so many of its codelets after the first ones.
fn part_of_set(mut report: CodeletsetInfo, skip: Option<u64>) -> CodeletsetInfo {
    if let Some(skip) = skip {
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        report.codelets.drain(..skip.min(report.codelets.len()));
        report.codelets.truncate(CODELETS_OF_A_SET);
    }
    report
}

/// The answer to a load, which is effective: it fits into a line, whatever was loaded.
pub(super) fn loaded(mut report: CodeletsetInfo) -> Reply {
    let bytes = serde_json::to_vec(&report).map_or(usize::MAX, |json| json.len());
    if bytes > PAGE_BYTES {
        for codelet in &mut report.codelets {
            codelet.maps.clear();
            codelet.channels.clear();
            codelet.helpers.clear();
        }
        let message =
            "the maps, channels and helpers are too many for this answer; `show` tells them";
        report.warnings.push(message.to_owned());
    }
    Reply::Loaded(report)
}

/// The channels of the loaded codeletsets, ordered by codeletset.
pub(crate) fn streams(shared: &Shared) -> Vec<StreamReport> {
    let sets = shared.sets();
    let reports = sets.values().flat_map(|set| {
        let channels = set.channels.iter();
        channels.map(|channel| stream_report(set, channel))
    });
    reports.collect()
}

pub(super) fn all_streams(shared: &Shared, skip: Option<u64>) -> Reply {
    let streams = streams(shared).into_iter();
    Reply::Streams(page(streams, skip, |stream| vec![stream]))
}

fn stream_report(set: &LoadedSet, channel: &Channel) -> StreamReport {
    let def = channel.map.map.def();
    let statistics = channel.statistics();
    let (capacity, record_type) = match (channel.output_ring(), channel.input_ring()) {
        (Some(ring), _) => (ring.capacity(), ring.record_type()),
        (None, Some(ring)) => (ring.capacity(), ring.record_type()),
        (None, None) => (def.max_entries, None),
    };
    StreamReport {
        stream_id: channel.stream_id,
        direction: channel.direction,
        codeletset: set.id.clone(),
        codelet: channel.codelet.clone(),
        map: channel.map.name.clone(),
        record_size: def.value_size,
        capacity,
        sent: statistics.sent,
        dropped: statistics.dropped,
        received: statistics.received,
        passed_over: statistics.passed_over,
        read: channel.output_ring().is_none_or(|ring| ring.is_read()),
        record_type: record_type.cloned(),
    }
}

pub(super) fn map(shared: &Shared, body: &MapBody) -> Reply {
    // The map is kept alive, and the list of loaded codeletsets is not locked, while the map is
    // read.
    let named = match named_map(shared, body) {
        Ok(named) => named,
        Err(error) => return Reply::Error(error),
    };
    if let Err(error) = check_element(&named) {
        return Reply::Error(error);
    }
    let mut page = MapPage {
        map: MapInfo::new(named.name, named.map.def(), named.map.memory()),
        key_type: named.key_type,
        value_type: named.value_type,
        elements: Vec::new(),
        more: false,
    };
    // The types share the line with the elements.
    let types = serde_json::to_vec(&page).map_or(0, |json| json.len());
    let room = (MAX_LINE - PAGE_OVERHEAD).saturating_sub(types) / 4 * 3;
    let room = room.min(PAGE_BYTES);
    let limit = body.limit.unwrap_or(PAGE_ELEMENTS).min(PAGE_ELEMENTS) as usize;
    let mut bytes = 0;
    let shown = named.map.for_each_after(body.skip, |thread, key, value| {
        bytes += key.len() + value.len();
        let first = page.elements.is_empty();
        if page.elements.len() >= limit || (bytes > room && !first) {
            page.more = true;
            return ControlFlow::Break(());
        }
        page.elements.push(Element {
            thread,
            key: Bytes(key.to_vec()),
            value: Bytes(value.to_vec()),
        });
        ControlFlow::Continue(())
    });
    match shown {
        Ok(()) => Reply::Map(page),
        Err(error) => Reply::Error(ErrorReport::new(ErrorCode::Map, error.to_string())),
    }
}

/// A value may take a gigabyte, and its answer, which never leaves, several.
fn check_element(named: &NamedMap) -> Result<(), ErrorReport> {
    let def = named.map.def();
    let bytes = u64::from(def.key_size) + u64::from(def.value_size);
    if bytes <= ELEMENT_BYTES {
        return Ok(());
    }
    let message = format!(
        "an element of map `{}` has {bytes} bytes, and {ELEMENT_BYTES} fit into an answer",
        named.name
    );
    Err(ErrorReport::new(ErrorCode::AnswerTooLong, message))
}

fn named_map(shared: &Shared, body: &MapBody) -> Result<NamedMap, ErrorReport> {
    let sets = shared.sets();
    let set = sets
        .get(&body.codeletset)
        .ok_or_else(|| not_loaded(&body.codeletset, sets.keys()))?;
    let codelet = set.codelet(&body.codelet).ok_or_else(|| {
        let names = set.codelets.iter().map(|codelet| codelet.name.as_str());
        let what = format!("codeletset `{}` has no codelet", set.id);
        unknown_name(ErrorCode::UnknownCodelet, &what, &body.codelet, names)
    })?;
    let maps = codelet.maps.iter();
    let found = maps.clone().find(|named| named.name == body.map);
    found.cloned().ok_or_else(|| {
        let what = format!("codelet `{}` has no map", codelet.name);
        let names = maps.map(|named| named.name.as_str());
        unknown_name(ErrorCode::UnknownMap, &what, &body.map, names)
    })
}

fn unknown_name<'a>(
    code: ErrorCode,
    what: &str,
    wanted: &str,
    names: impl Iterator<Item = &'a str>,
) -> ErrorReport {
    let hint =
        nearest(wanted, names).map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
    ErrorReport::new(code, format!("{what} `{wanted}`{hint}"))
}

fn not_loaded<'a>(id: &str, loaded: impl Iterator<Item = &'a String> + Clone) -> ErrorReport {
    ErrorReport::from(&UnloadError::not_loaded(id, loaded))
}

/// A tap on an output channel, and the answer to its watcher.
pub(super) fn tap(
    shared: &Shared,
    stream_id: StreamId,
) -> Result<(RawReceiver, Reply), ErrorReport> {
    let sets = shared.sets();
    let found = sets.values().find_map(|set| {
        let channel = find(set, stream_id, Direction::Output)?;
        Some((stream_report(set, channel), channel.output_ring()?.tap()))
    });
    let (report, tap) = found.ok_or_else(|| unknown(stream_id, Direction::Output))?;
    if u64::from(report.record_size) > ELEMENT_BYTES {
        let message = format!(
            "a record of `{}` has {} bytes, and {ELEMENT_BYTES} fit into an answer",
            report.map, report.record_size
        );
        return Err(ErrorReport::new(ErrorCode::AnswerTooLong, message));
    }
    Ok((tap, Reply::Tail(report)))
}

pub(super) fn send(shared: &Shared, stream_id: StreamId, record: &Bytes) -> Reply {
    let Some(ring) = shared.input(stream_id) else {
        return Reply::Error(unknown(stream_id, Direction::Input));
    };
    match ring.send_bytes(&record.0) {
        Ok(()) => Reply::Sent {},
        Err(error) => {
            let code = match error {
                jbpf_channel::SendError::Full => ErrorCode::ChannelFull,
                jbpf_channel::SendError::TooLong => ErrorCode::RecordTooLong,
                _ => ErrorCode::ChannelClosed,
            };
            Reply::Error(ErrorReport::new(code, error.to_string()))
        }
    }
}

fn unknown(stream_id: StreamId, direction: Direction) -> ErrorReport {
    ErrorReport::from(&OpenError::UnknownStream {
        stream_id,
        direction,
    })
}

fn find(set: &LoadedSet, stream_id: StreamId, direction: Direction) -> Option<&Channel> {
    set.channels
        .iter()
        .find(|channel| channel.stream_id == stream_id && channel.direction == direction)
}

impl Channels for Shared {
    fn output(&self, stream_id: StreamId) -> Option<Arc<OutputRing>> {
        let sets = self.sets();
        let mut channels = sets
            .values()
            .filter_map(|set| find(set, stream_id, Direction::Output));
        channels.next()?.output_ring().cloned()
    }

    fn input(&self, stream_id: StreamId) -> Option<Arc<InputRing>> {
        let sets = self.sets();
        let mut channels = sets
            .values()
            .filter_map(|set| find(set, stream_id, Direction::Input));
        channels.next()?.input_ring().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jbpf_operator::info::{ChannelInfo, CodeletInfo};
    use jbpf_operator::stats::AbortStatistics;
    use jbpf_verifier::types::{MapKind, MapParameters};

    /// A codeletset with the longest names, in all the maps and channels that it may have.
    fn largest() -> CodeletsetInfo {
        let name = || "\"".repeat(jbpf_abi::request::MAX_NAME);
        let map = || MapInfo {
            name: name(),
            kind: MapKind::Hash,
            key_size: u32::MAX,
            value_size: u32::MAX,
            max_entries: u32::MAX,
            parameters: MapParameters {
                flags: u32::MAX,
                inner_map: u32::MAX,
                numa_node: u32::MAX,
                hash_functions: u32::MAX,
            },
            memory: u64::MAX,
        };
        let channel = || ChannelInfo {
            stream_id: StreamId([0xff; 16]),
            direction: Direction::Output,
            map: name(),
            record_size: u32::MAX,
        };
        let codelet = |_| CodeletInfo {
            name: name(),
            hook: name(),
            priority: u32::MAX,
            worst_case_instructions: u64::MAX,
            maps: std::iter::repeat_with(map)
                .take(2 * jbpf_abi::object::MAX_MAPS)
                .collect(),
            channels: std::iter::repeat_with(channel).take(10).collect(),
            helpers: Vec::new(),
            aborts: AbortStatistics::default(),
        };
        CodeletsetInfo {
            id: name(),
            codelets: (0..jbpf_abi::request::MAX_CODELETS).map(codelet).collect(),
            warnings: Vec::new(),
        }
    }

    fn bytes(report: &impl Serialize) -> usize {
        serde_json::to_vec(report).unwrap().len()
    }

    #[test]
    fn the_largest_codeletset_is_told_in_parts_that_fit() {
        let whole = largest();
        assert!(bytes(&whole) > MAX_LINE);
        let (mut skip, mut told) = (0, Vec::new());
        loop {
            let page = page(std::iter::once(whole.clone()), Some(skip), parts_of_set);
            assert!(bytes(&page) < MAX_LINE, "{}", bytes(&page));
            skip += page.len() as u64;
            let codelets = page.into_iter().flat_map(|part| part.codelets);
            let before = told.len();
            told.extend(codelets);
            if told.len() == before {
                break;
            }
            let part = part_of_set(whole.clone(), Some(before as u64));
            assert!(bytes(&part) < MAX_LINE && told[before..].starts_with(&part.codelets));
        }
        assert_eq!(told, whole.codelets);
    }

    #[test]
    fn a_load_is_answered_whatever_was_loaded() {
        let Reply::Loaded(report) = loaded(largest()) else {
            panic!("it was loaded");
        };
        assert!(bytes(&report) < MAX_LINE);
        assert_eq!((report.codelets.len(), report.warnings.len()), (16, 1));
    }
}
