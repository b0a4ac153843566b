//! From an entry of the request to a verified program: object, hook, program type, verifier.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use jbpf_channel::record::RecordType;
use jbpf_hooks::hook::Hook;
use jbpf_hooks::registry;
use jbpf_object::record::{self, TypeError};
use jbpf_object::{Object, ObjectProgram, ProgramType};
use jbpf_operator::nearest::nearest;
use jbpf_operator::request::{CodeletRequest, ObjectSource, Subject};
use jbpf_verifier::types::MapDef;
use jbpf_verifier::{VerifiedProgram, verify};

use super::World;
use crate::builtin_hooks::is_timer;
use crate::error::LoadError;

/// The program type of the hooks that report statistics (ABI: built-in hooks).
use jbpf_abi::object::{GENERIC_PROGRAM, STATS_PROGRAM};

/// Largest object that is read, in bytes.
const MAX_OBJECT_LEN: u64 = 64 << 20;

/// A codelet whose program is proved safe for its hook.
#[derive(Debug)]
pub(super) struct VerifiedCodelet<'a> {
    pub(super) request: &'a CodeletRequest,
    pub(super) subject: Subject,
    pub(super) hook: &'static Hook,
    /// Every map of the object, also those that the program does not use.
    pub(super) maps: Vec<MapDef>,
    /// By channel: the type of its records in the source.
    pub(super) record_types: BTreeMap<String, RecordType>,
    /// By map: the type of its keys in the source.
    pub(super) key_types: BTreeMap<String, RecordType>,
    pub(super) program: VerifiedProgram,
}

impl<'a> VerifiedCodelet<'a> {
    pub(super) fn new(
        request: &'a CodeletRequest,
        codeletset: &str,
        world: &World,
    ) -> Result<Self, LoadError> {
        let subject = Subject::Codelet {
            codeletset: codeletset.to_owned(),
            codelet: request.name.clone(),
        };
        let hook = find_hook(&request.hook, &subject)?;
        let bytes = object_bytes(&request.object, &subject)?;
        let object = open_object(&bytes, &request.object, &subject)?;
        let (maps, mut record_types) = (object.maps, object.record_types);
        record_types.extend(stated_types(request, &bytes, &maps, &subject)?);
        let key_types = object.key_types;
        let program = only_program(object.programs, request, &subject)?;
        check_program_type(&program, hook, &subject)?;
        let mut program = program.program;
        program.name.clone_from(&request.name);
        let context = Arc::new(world.context(hook.info()));
        let program =
            verify(&Arc::new(program), &context, &world.helpers).map_err(|rejection| {
                LoadError::Rejected {
                    subject: subject.clone(),
                    hook: request.hook.clone(),
                    rejection,
                }
            })?;
        Ok(Self {
            request,
            subject,
            hook,
            maps,
            record_types,
            key_types,
            program,
        })
    }

    /// Whether reachable code refers to this map.
    pub(super) fn uses(&self, name: &str) -> bool {
        let maps = &self.program.program().maps;
        self.program
            .summary()
            .maps
            .iter()
            .filter_map(|index| maps.get(*index))
            .any(|map| map.name == name)
    }
}

fn find_hook(name: &str, subject: &Subject) -> Result<&'static Hook, LoadError> {
    registry::hook(name).ok_or_else(|| LoadError::UnknownHook {
        subject: subject.clone(),
        hook: name.to_owned(),
        nearest: nearest(name, registry::hooks().map(|hook| hook.info().name)),
    })
}

fn object_bytes<'a>(
    source: &'a ObjectSource,
    subject: &Subject,
) -> Result<Cow<'a, [u8]>, LoadError> {
    match source {
        ObjectSource::Bytes(bytes) => Ok(Cow::Borrowed(bytes)),
        ObjectSource::Path(path) => match read_file(path) {
            Ok(bytes) => Ok(Cow::Owned(bytes)),
            Err(source) => Err(LoadError::ReadObject {
                subject: subject.clone(),
                path: path.clone(),
                source,
            }),
        },
    }
}

/// The types of records that the request states for channels, by map.
fn stated_types(
    request: &CodeletRequest,
    object: &[u8],
    maps: &[MapDef],
    subject: &Subject,
) -> Result<Vec<(String, RecordType)>, LoadError> {
    let channels = request.inputs.iter().chain(&request.outputs);
    let stated = channels.filter_map(|channel| Some((channel, channel.record.as_deref()?)));
    let types = stated.map(|(channel, record)| {
        let refused = |reason, nearest| LoadError::RecordType {
            subject: subject.clone(),
            map: channel.map.clone(),
            record: record.to_owned(),
            reason,
            nearest,
        };
        let ty = record::named(object, record).map_err(|error| {
            let nearest = match &error {
                TypeError::Unknown { existing, .. } => {
                    nearest(record, existing.iter().map(String::as_str))
                }
                _ => None,
            };
            refused(error.to_string(), nearest)
        })?;
        let map = maps.iter().find(|map| map.name == channel.map);
        // A channel without a map is reported elsewhere.
        if let Some(map) = map.filter(|map| map.value_size != ty.size) {
            let reason = format!("it has {} bytes, and a record {}", ty.size, map.value_size);
            return Err(refused(reason, None));
        }
        Ok((channel.map.clone(), ty))
    });
    types.collect()
}

fn open_object(
    bytes: &[u8],
    source: &ObjectSource,
    subject: &Subject,
) -> Result<Object, LoadError> {
    super::read_object(bytes).map_err(|error| LoadError::Object {
        subject: subject.clone(),
        origin: origin(source),
        source: error,
    })
}

/// Reads a regular file: a FIFO or a device would block or never end.
fn read_file(path: &std::path::Path) -> std::io::Result<Vec<u8>> {
    use std::io::{Error, ErrorKind, Read as _};
    use std::os::unix::fs::OpenOptionsExt as _;

    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    let mut bytes = Vec::new();
    let read = file.take(MAX_OBJECT_LEN + 1).read_to_end(&mut bytes)?;
    if read as u64 > MAX_OBJECT_LEN {
        return Err(Error::new(
            ErrorKind::FileTooLarge,
            format!("it is larger than {MAX_OBJECT_LEN} bytes"),
        ));
    }
    Ok(bytes)
}

fn origin(source: &ObjectSource) -> String {
    match source {
        ObjectSource::Path(path) => format!("`{}`", path.display()),
        ObjectSource::Bytes(_) => "in memory".into(),
    }
}

fn only_program(
    programs: Vec<ObjectProgram>,
    request: &CodeletRequest,
    subject: &Subject,
) -> Result<ObjectProgram, LoadError> {
    let count = programs.len();
    match <[ObjectProgram; 1]>::try_from(programs) {
        Ok([program]) => Ok(program),
        Err(_) => Err(LoadError::Programs {
            subject: subject.clone(),
            origin: origin(&request.object),
            count,
        }),
    }
}

/// A type that some hook declares attaches to hooks of that type only, and to timers; all others
/// attach anywhere.
fn check_program_type(
    program: &ObjectProgram,
    hook: &Hook,
    subject: &Subject,
) -> Result<(), LoadError> {
    if is_timer(hook) {
        return Ok(());
    }
    let declared = registry::hooks().filter_map(|hook| hook.info().program_type);
    let program_type = match program.program_type(declared) {
        ProgramType::Any => return Ok(()),
        ProgramType::Stats => STATS_PROGRAM,
        ProgramType::Declared(name) => name,
    };
    let hook_type = hook.info().program_type;
    if hook_type == Some(program_type) {
        return Ok(());
    }
    Err(LoadError::ProgramType {
        subject: subject.clone(),
        program_type: program_type.to_owned(),
        hook: hook.info().name.to_owned(),
        hook_type: hook_type.unwrap_or(GENERIC_PROGRAM).to_owned(),
    })
}
