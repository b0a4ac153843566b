//! `prevail`, the Rust port of the PREVAIL verifier, told about jbpf: its contexts, maps and
//! helpers.
//!
//! It takes the same linked programs as our verifier. Facts that it cannot express (formats and
//! their arguments, rights of regions and context fields) are left out so that it accepts more. So
//! a rejection of a program that we accept always deserves an explanation.

use std::fmt::Display;

use jbpf_verifier::Program;
use jbpf_verifier::types::{
    ArgKind, ContextDef, HelperProto, HelperTable, MapDef, MapKind, MapKinds, ReturnKind,
};
use prevail::crab::ebpf_domain::{DomainContext, VerificationError};
use prevail::crab::var_registry::VariableRegistry;
use prevail::elf_loader::UnmarshalError;
use prevail::ir::unmarshal::unmarshal;
use prevail::linux::spec_prototypes::{HelperPrototype, map_type_bit};
use prevail::platform::EbpfPlatform;
use prevail::spec::config::EbpfVerifierOptions;
use prevail::spec::ebpf_base::{EbpfArgumentType, EbpfCtxDescriptor, EbpfReturnType};
use prevail::spec::type_descriptors::{
    EbpfMapDescriptor, EbpfMapType, EbpfMapValueType, EbpfProgramType, ProgramInfo,
};
use prevail::spec::vm_isa::EbpfInst;

/// Why prevail rejects a program: its first reason.
pub struct Refusal {
    /// Index of the instruction, if it names one.
    pub insn: Option<usize>,
    pub message: String,
}

impl Refusal {
    pub fn new(reason: impl Display) -> Self {
        Self {
            insn: None,
            message: reason.to_string(),
        }
    }
}

impl From<VerificationError> for Refusal {
    fn from(error: VerificationError) -> Self {
        let label = error.label.as_ref();
        Self {
            insn: label.and_then(|label| label.from.try_into().ok()),
            message: error.to_string(),
        }
    }
}

/// Prevail's verdict on a program.
pub type Opinion = Result<(), Refusal>;

/// A program in the form that prevail takes.
pub struct Subject {
    insns: Vec<EbpfInst>,
    info: ProgramInfo,
    platform: Jbpf,
    options: EbpfVerifierOptions,
}

impl Subject {
    pub fn new(program: &Program, context: &ContextDef, helpers: &HelperTable) -> Self {
        let maps: Vec<_> = (1..).zip(&program.maps).map(map_descriptor).collect();
        let program_type = program_type(context);
        let mut options = EbpfVerifierOptions::default();
        // Ours refuses programs that do not end.
        options.runtime.check_for_termination = true;
        Self {
            insns: instructions(program),
            info: ProgramInfo {
                map_descriptors: maps.clone(),
                program_type: program_type.clone(),
                ..ProgramInfo::default()
            },
            platform: Jbpf {
                helpers: helpers.iter().map(prototype).collect(),
                maps,
                program_type,
            },
            options,
        }
    }

    /// Verifies the program.
    pub fn judge(&self) -> Opinion {
        let mut info = self.info.clone();
        let sequence = unmarshal(
            &self.insns,
            &mut Vec::new(),
            &info,
            &self.platform,
            &self.options,
        )
        .map_err(Refusal::new)?;
        let program = prevail::ir::program::Program::from_sequence(
            &sequence,
            &mut info,
            &self.platform,
            &self.options,
        )
        .map_err(Refusal::new)?;
        let domain = DomainContext {
            program_info: &info,
            program: &program,
            runtime: &self.options.runtime,
            options: &self.options,
            platform: &self.platform,
        };
        let result =
            prevail::fwd_analyzer::analyze(&program, &domain, &mut VariableRegistry::new());
        match result.find_first_error() {
            Some(error) => Err(error.into()),
            None if result.failed => Err(Refusal::new("failed without an error")),
            None => Ok(()),
        }
    }
}

/// Maps are file descriptors to prevail: index 0 is 1, and so on.
fn instructions(program: &Program) -> Vec<EbpfInst> {
    let mut wide = false;
    let convert = |insn: &jbpf_verifier::RawInsn| {
        let second = std::mem::take(&mut wide);
        let (mut src, mut imm) = (insn.src, insn.imm);
        if !second && insn.opcode == 0x18 {
            wide = true;
            if src == 5 || src == 6 {
                (src, imm) = (src - 4, imm + 1);
            }
        }
        EbpfInst::new(insn.opcode, insn.dst, src, insn.off, imm)
    };
    program.insns.iter().map(convert).collect()
}

fn map_descriptor((fd, map): (i32, &MapDef)) -> EbpfMapDescriptor {
    EbpfMapDescriptor {
        original_fd: fd,
        map_type: map.kind.number(),
        key_size: map.key_size,
        value_size: map.value_size,
        max_entries: map.max_entries,
        inner_map_fd: -1,
        name: map.name.clone(),
        is_inner_map_template: false,
    }
}

fn program_type(context: &ContextDef) -> EbpfProgramType {
    let descriptor = EbpfCtxDescriptor {
        size: context
            .readable
            .next_multiple_of(8)
            .try_into()
            .expect("a small context"),
        data: 0,
        end: 8,
        // To prevail this is a pointer; to us `meta_data` is a number.
        meta: -1,
    };
    EbpfProgramType {
        name: context.name.clone(),
        ctx_descriptor: Some(Box::leak(Box::new(descriptor))),
        ..EbpfProgramType::default()
    }
}

fn prototype(helper: &HelperProto) -> (i32, HelperPrototype) {
    let mut argument_type = [EbpfArgumentType::DontCare; 5];
    let mut allowed_map_types = 0;
    for (slot, argument) in argument_type.iter_mut().zip(&helper.args) {
        *slot = match argument {
            ArgKind::Number | ArgKind::Ignored => EbpfArgumentType::Anything,
            ArgKind::Map(kinds) => {
                allowed_map_types = kinds_mask(kinds);
                EbpfArgumentType::PtrToMap
            }
            ArgKind::MapKey => EbpfArgumentType::PtrToMapKey,
            ArgKind::MapValue => EbpfArgumentType::PtrToMapValue,
            ArgKind::Readable | ArgKind::Format => EbpfArgumentType::PtrToReadableMem,
            ArgKind::Writable => EbpfArgumentType::PtrToWritableMem,
            ArgKind::Size | ArgKind::SizeUpTo(_) => EbpfArgumentType::ConstSizeOrZero,
            // The format decides which of them are read.
            ArgKind::FormatArg => EbpfArgumentType::DontCare,
            ArgKind::ReadableFixed(_) | ArgKind::WritableFixed(_) => EbpfArgumentType::Unsupported,
        };
    }
    let return_type = match helper.returns {
        ReturnKind::Number { .. }
        | ReturnKind::AnyNumber
        | ReturnKind::SentOutput
        | ReturnKind::Never => EbpfReturnType::Integer,
        ReturnKind::MapValueOrNull | ReturnKind::OutputBufferOrNull => {
            EbpfReturnType::PtrToMapValueOrNull
        }
    };
    let prototype = HelperPrototype {
        name: Box::leak(helper.name.clone().into_boxed_str()),
        return_type,
        argument_type,
        reallocate_packet: false,
        ctx_descriptor: None,
        unsupported: false,
        might_sleep: false,
        zero_args_mask: 0,
        allowed_map_types,
    };
    (helper.id.try_into().expect("a small id"), prototype)
}

fn kinds_mask(kinds: &MapKinds) -> u64 {
    let of = |kinds: &[MapKind]| kinds.iter().map(|kind| map_type_bit(kind.number())).sum();
    match kinds {
        MapKinds::Any => 0,
        MapKinds::Values => of(&[
            MapKind::Array,
            MapKind::Hash,
            MapKind::PerThreadArray,
            MapKind::PerThreadHash,
        ]),
        MapKinds::Only(kinds) => of(kinds),
    }
}

struct Jbpf {
    helpers: Vec<(i32, HelperPrototype)>,
    maps: Vec<EbpfMapDescriptor>,
    program_type: EbpfProgramType,
}

impl EbpfPlatform for Jbpf {
    fn get_program_type(&self, _section: &str, _path: &str) -> EbpfProgramType {
        self.program_type.clone()
    }

    fn get_helper_prototype(&self, id: i32) -> &HelperPrototype {
        self.try_get_helper_prototype(id)
            .expect("a helper that is usable")
    }

    fn try_get_helper_prototype(&self, id: i32) -> Option<&HelperPrototype> {
        let found = self.helpers.iter().find(|(known, _)| *known == id);
        found.map(|(_, prototype)| prototype)
    }

    fn is_helper_usable(&self, id: i32) -> bool {
        self.try_get_helper_prototype(id).is_some()
    }

    fn map_record_size(&self) -> usize {
        32
    }

    fn parse_maps_section(
        &mut self,
        _descriptors: &mut Vec<EbpfMapDescriptor>,
        _data: &[u8],
        _record_size: usize,
        _count: usize,
        _options: &EbpfVerifierOptions,
    ) {
        unreachable!("objects are read by our own loader");
    }

    fn resolve_inner_map_references(
        &self,
        _descriptors: &mut Vec<EbpfMapDescriptor>,
    ) -> Result<(), UnmarshalError> {
        Ok(())
    }

    fn get_map_descriptor(&self, fd: i32) -> Option<&EbpfMapDescriptor> {
        self.maps.iter().find(|map| map.original_fd == fd)
    }

    fn get_map_type(&self, number: u32) -> EbpfMapType {
        let kind = MapKind::from_number(number);
        EbpfMapType {
            platform_specific_type: number,
            name: format!("{kind:?}"),
            is_array: matches!(kind, Some(MapKind::Array | MapKind::PerThreadArray)),
            value_type: EbpfMapValueType::Any,
        }
    }

    fn supported_conformance_groups(&self) -> u32 {
        u32::MAX
    }
}
