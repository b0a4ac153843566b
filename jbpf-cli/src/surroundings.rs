//! Programs are verified against these: stand-ins, or the hooks and helpers of an application,
//! which runs or has written them down.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use jbpf_object::{ObjectProgram, ProgramType};
use jbpf_operator::client::Operator;
use jbpf_operator::protocol::HookReport;
use jbpf_verifier::types::{ContextDef, HelperTable};
use serde::Deserialize;

use crate::application::Target;
use crate::input;
use crate::output::Failure;

/// The program type of the hooks that report statistics.
use jbpf_abi::object::{GENERIC_PROGRAM, STATS_PROGRAM, TIMERS};

/// The surroundings that programs are verified against.
#[derive(Args)]
pub(crate) struct Against {
    /// The context that stands for an application's; by default the one that the section's name
    /// asks for.
    #[arg(long, conflicts_with_all = ["app", "socket", "hook", "contexts"])]
    context: Option<StandIn>,

    /// The hooks and helpers of an application, as `jbpf hooks --json` wrote them. No application
    /// need run.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["app", "socket"])]
    contexts: Option<PathBuf>,

    /// The hook of the application; by default the only one that takes the program's type.
    ///
    /// The application is the only one that runs, unless --app, --socket or --contexts say which.
    #[arg(long, value_name = "NAME")]
    hook: Option<String>,

    /// The running application whose hooks and helpers count, by name or process id.
    #[arg(long, value_name = "NAME|PID")]
    app: Option<String>,

    /// The running application whose hooks and helpers count, by the path of its control socket.
    #[arg(long, value_name = "PATH", conflicts_with = "app")]
    socket: Option<PathBuf>,
}

/// Contexts that stand for those of applications.
#[derive(Clone, Copy, ValueEnum)]
enum StandIn {
    /// A data region and `ctx_id`.
    Generic,
    /// A data region and `meas_period`, the context of statistics hooks.
    Stats,
}

/// Hooks and helpers.
pub(crate) struct Surroundings {
    pub(crate) helpers: Arc<HelperTable>,
    hooks: Hooks,
}

enum Hooks {
    StandIns(Option<StandIn>),
    Running {
        all: Vec<HookReport>,
        wanted: Option<String>,
    },
}

/// Where a program is to run.
#[derive(Clone)]
pub(crate) struct Place<'a> {
    pub(crate) context: Arc<ContextDef>,
    /// The hook of a running application.
    pub(crate) hook: Option<&'a HookReport>,
}

/// A hook that programs of this type do not attach to.
pub(crate) struct Misplaced<'a> {
    pub(crate) hook: &'a HookReport,
    program_type: String,
}

impl std::fmt::Display for Misplaced<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hook_type = self.hook.program_type.as_deref().unwrap_or(GENERIC_PROGRAM);
        write!(
            f,
            "the program type `{}` does not attach to hook `{}`, whose type is `{hook_type}`",
            self.program_type, self.hook.name
        )
    }
}

impl Against {
    /// The application that is asked, if one is.
    pub(crate) fn connect(&self) -> Result<Option<Operator>, Failure> {
        let named = self.app.is_some() || self.socket.is_some() || self.hook.is_some();
        if self.contexts.is_some() || !named {
            return Ok(None);
        }
        let target = Target {
            app: self.app.clone(),
            socket: self.socket.clone(),
        };
        target.connect().map(Some)
    }

    /// The application's own, or stand-ins.
    pub(crate) fn surroundings(
        &self,
        application: Option<&mut Operator>,
    ) -> Result<Surroundings, Failure> {
        let (all, helpers) = match (application, &self.contexts) {
            (Some(application), _) => (application.hooks()?, application.helpers()?),
            (None, Some(contexts)) => recorded(contexts)?,
            (None, None) => {
                return Ok(Surroundings {
                    hooks: Hooks::StandIns(self.context),
                    ..Surroundings::off_target()
                });
            }
        };
        if let Some(wanted) = &self.hook
            && !all.iter().any(|hook| hook.name == *wanted)
        {
            return Err(Failure::NoHook {
                wanted: wanted.clone(),
                existing: names(&all),
            });
        }
        Ok(Surroundings {
            helpers: Arc::new(helpers),
            hooks: Hooks::Running {
                all,
                wanted: self.hook.clone(),
            },
        })
    }
}

impl Surroundings {
    /// The surroundings without an application.
    pub(crate) fn off_target() -> Self {
        Self {
            helpers: Arc::new(HelperTable::builtin()),
            hooks: Hooks::StandIns(None),
        }
    }

    /// Where a program of the object at `path` is to run.
    pub(crate) fn place(
        &self,
        path: &Path,
        program: &ObjectProgram,
    ) -> Result<Result<Place<'_>, Misplaced<'_>>, Failure> {
        match &self.hooks {
            Hooks::StandIns(given) => Ok(Ok(stand_in(*given, program))),
            Hooks::Running {
                all,
                wanted: Some(wanted),
            } => Ok(named(all, wanted, program)),
            Hooks::Running { all, wanted: None } => only_fitting(all, path, program).map(Ok),
        }
    }
}

/// A line of `jbpf hooks --json`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Hook(Box<HookReport>),
    Helpers { helpers: HelperTable },
}

/// The hooks and helpers in a file.
fn recorded(path: &Path) -> Result<(Vec<HookReport>, HelperTable), Failure> {
    let refused = |line: usize, reason: String| Failure::Contexts {
        path: path.to_owned(),
        line,
        reason,
    };
    let bytes = input::file(path)?;
    let (mut hooks, mut helpers) = (Vec::new(), None);
    for (text, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
        if text.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice(text) {
            Ok(Line::Hook(hook)) => hooks.push(*hook),
            Ok(Line::Helpers { helpers: table }) => helpers = Some(table),
            Err(error) => return Err(refused(number, error.to_string())),
        }
    }
    let helpers = helpers.ok_or_else(|| {
        refused(
            1,
            "the line with the helpers is missing; write all hooks, without a name".to_owned(),
        )
    })?;
    Ok((hooks, helpers))
}

fn stand_in(given: Option<StandIn>, program: &ObjectProgram) -> Place<'static> {
    let asked_for = match program.program_type([]) {
        ProgramType::Stats => StandIn::Stats,
        ProgramType::Any | ProgramType::Declared(_) => StandIn::Generic,
    };
    let context = match given.unwrap_or(asked_for) {
        StandIn::Generic => ContextDef::generic(),
        StandIn::Stats => ContextDef::stats(),
    };
    Place {
        context: Arc::new(context),
        hook: None,
    }
}

fn at(hook: &HookReport) -> Place<'_> {
    Place {
        context: Arc::new(hook.context.clone()),
        hook: Some(hook),
    }
}

/// The hook that was named. That it exists was looked up before.
fn named<'a>(
    hooks: &'a [HookReport],
    wanted: &str,
    program: &ObjectProgram,
) -> Result<Place<'a>, Misplaced<'a>> {
    let program_type = program_type(program, hooks);
    let mut places = hooks.iter().filter(|hook| hook.name == wanted);
    match (places.next(), program_type) {
        (Some(hook), Some(program_type))
            if hook.program_type.as_deref() != Some(&*program_type)
                && !TIMERS.contains(&hook.name.as_str()) =>
        {
            Err(Misplaced { hook, program_type })
        }
        (Some(hook), _) => Ok(at(hook)),
        (None, _) => Ok(stand_in(None, program)),
    }
}

/// The only hook that takes programs of this type; programs for any hook are meant for one without
/// a type.
fn only_fitting<'a>(
    hooks: &'a [HookReport],
    path: &Path,
    program: &ObjectProgram,
) -> Result<Place<'a>, Failure> {
    let program_type = program_type(program, hooks);
    let fitting: Vec<&HookReport> = hooks
        .iter()
        .filter(|hook| hook.program_type == program_type)
        .collect();
    match fitting.as_slice() {
        [hook] => Ok(at(hook)),
        [] => Err(Failure::NoHookForType {
            path: path.to_owned(),
            section: program.section.clone(),
            existing: names(hooks),
        }),
        several => Err(Failure::SeveralHooks {
            path: path.to_owned(),
            section: program.section.clone(),
            fitting: names(several.iter().copied()),
        }),
    }
}

/// The type of hook that the program asks for; `None` when it attaches anywhere.
fn program_type(program: &ObjectProgram, hooks: &[HookReport]) -> Option<String> {
    let declared = hooks.iter().filter_map(|hook| hook.program_type.as_deref());
    match program.program_type(declared) {
        ProgramType::Any => None,
        ProgramType::Stats => Some(STATS_PROGRAM.to_owned()),
        ProgramType::Declared(name) => Some(name.to_owned()),
    }
}

fn names<'a>(hooks: impl IntoIterator<Item = &'a HookReport>) -> Vec<String> {
    hooks.into_iter().map(|hook| hook.name.clone()).collect()
}
