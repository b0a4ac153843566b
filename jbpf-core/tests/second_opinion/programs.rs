//! Programs that are put before both verifiers.

use std::path::PathBuf;

use jbpf_object::{Object, ObjectProgram, ProgramType};
use jbpf_verifier::Program;
use jbpf_verifier::types::{ContextDef, HelperTable};

/// A program with the context and the helpers that it is verified against.
#[derive(Clone)]
pub struct Case {
    pub name: String,
    pub program: Program,
    pub context: ContextDef,
    pub helpers: HelperTable,
}

/// The folder with the codelets, from any package of the workspace.
pub fn codelets() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../codelets")
}

/// The programs of an object in the codelets' folder. Those in `loading` may be none that can be
/// read.
pub fn of_object(path: &str) -> Vec<Case> {
    let bytes = std::fs::read(codelets().join(path)).expect("a prebuilt object");
    let object = match Object::parse(&bytes) {
        Ok(object) => object,
        Err(_) if path.starts_with("loading/") => return Vec::new(),
        Err(error) => panic!("{path}: {error}"),
    };
    let several = object.programs.len() > 1;
    let name = path.trim_end_matches(".o");
    object
        .programs
        .into_iter()
        .map(|program| Case {
            name: if several {
                format!("{name}, {}", program.section)
            } else {
                name.to_owned()
            },
            context: context(&program),
            program: program.program,
            helpers: HelperTable::builtin(),
        })
        .collect()
}

fn context(program: &ObjectProgram) -> ContextDef {
    match program.program_type([]) {
        ProgramType::Stats => ContextDef::stats(),
        ProgramType::Any | ProgramType::Declared(_) => ContextDef::generic(),
    }
}
