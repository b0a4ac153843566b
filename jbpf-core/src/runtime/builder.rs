//! How a runtime is set up.

use std::sync::Arc;

use jbpf_channel::Doorbell;
use jbpf_hooks::registry;
use jbpf_verifier::types::HelperTable;

use super::Runtime;
use crate::builtins;
use crate::codeletset::World;
use crate::engine::Engine;
use crate::error::BuildError;
use crate::map::MapOptions;

/// Longest name of a runtime, in bytes.
const MAX_NAME_LEN: usize = 64;

/// Sets a [`Runtime`] up; [`build`](Self::build) starts it.
#[derive(Debug, Clone)]
#[must_use]
pub struct RuntimeBuilder {
    name: String,
    engine: Engine,
    map_options: MapOptions,
}

impl Default for RuntimeBuilder {
    fn default() -> Self {
        Self {
            name: default_name(),
            engine: Engine::default(),
            map_options: MapOptions::default(),
        }
    }
}

impl RuntimeBuilder {
    /// What operators know the application by; the executable's name when not set. Letters, digits,
    /// `-`, `_` and `.`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How codelets run: machine code where the target has a compiler, or the interpreter.
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// How the memory of maps and channels is obtained.
    pub fn map_options(mut self, options: MapOptions) -> Self {
        self.map_options = options;
        self
    }

    /// Starts the runtime. It starts no thread that it does not need.
    ///
    /// # Errors
    /// When the process has a runtime, the name cannot be used, two hooks or helpers have one name, or
    /// the engine does not work here.
    pub fn build(self) -> Result<Runtime, BuildError> {
        check_name(&self.name)?;
        if let Some(duplicate) = registry::duplicates().into_iter().next() {
            return Err(duplicate.into());
        }
        let declared: Vec<_> = registry::helpers().collect();
        let helpers = Arc::new(HelperTable::with_declared(declared.iter().copied()));
        let bindings = builtins::bindings(Arc::clone(&helpers), declared)?;
        let socket = default_socket(&self.name);
        let bell = Arc::new(Doorbell::new()?);
        let mut map_options = self.map_options;
        map_options.doorbells.push(Arc::clone(&bell));
        let world = World {
            helpers,
            bindings: Arc::new(bindings),
            map_options,
            socket,
        };
        Runtime::start(self.name, self.engine, world, bell)
    }
}

fn default_name() -> String {
    let name = std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.file_stem()?.to_str()?.to_owned()));
    name.filter(|name| check_name(name).is_ok())
        .unwrap_or_else(|| "jbpf".into())
}

fn check_name(name: &str) -> Result<(), BuildError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if (1..=MAX_NAME_LEN).contains(&name.len())
        && !name.starts_with('.')
        && name.chars().all(allowed)
    {
        Ok(())
    } else {
        Err(BuildError::Name(name.to_owned()))
    }
}

/// Where operators look for an application of this name.
fn default_socket(name: &str) -> String {
    match std::env::var("XDG_RUNTIME_DIR") {
        Ok(folder) if !folder.is_empty() => format!("{folder}/jbpf/{name}.sock"),
        _ => format!(
            "/tmp/jbpf-{}/{name}.sock",
            rustix::process::getuid().as_raw()
        ),
    }
}
