//! `jbpf hooks`: where codelets can be attached, and what they get there.

use clap::Args;
use jbpf_operator::protocol::{HookReport, HookRole};
use jbpf_verifier::types::HelperTable;
use serde::Serialize;

use crate::application::Application;
use crate::output::{Failure, Output, Status};

/// List the hooks of an application: what codelets get there, and which are attached.
///
/// With --json, the helpers are the last line, unless a hook is named. `verify`, `build` and `run`
/// take the output as --contexts FILE.
#[derive(Args)]
pub(crate) struct Hooks {
    /// Show this hook alone.
    #[arg(value_name = "NAME")]
    name: Option<String>,

    #[command(flatten)]
    application: Application,
}

/// The last line of the hooks as JSON.
#[derive(Serialize)]
struct Helpers {
    helpers: HelperTable,
}

impl Hooks {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let mut application = self.application.connect()?;
        let mut hooks = application.hooks()?;
        if let Some(wanted) = &self.name {
            let existing: Vec<_> = hooks.iter().map(|hook| hook.name.clone()).collect();
            hooks.retain(|hook| hook.name == *wanted);
            if hooks.is_empty() {
                return Err(Failure::NoHook {
                    wanted: wanted.clone(),
                    existing,
                });
            }
        }
        let status = self
            .application
            .answer_each(hooks, output, |hooks, output| {
                hooks.iter().try_for_each(|hook| print(hook, output))
            })?;
        if self.application.json && self.name.is_none() {
            output.json(&Helpers {
                helpers: application.helpers()?,
            })?;
        }
        Ok(status)
    }
}

fn print(hook: &HookReport, output: &mut Output) -> Result<(), Failure> {
    let kind = match hook.kind {
        HookRole::Monitoring => "monitoring",
        HookRole::Control => "control",
    };
    let name = output.bold(&hook.name);
    output.line(format_args!("{name}  {kind}  {}:{}", hook.file, hook.line))?;
    for line in hook.docs.lines() {
        let line = output.faint(line.trim());
        output.line(format_args!("    {line}"))?;
    }
    let region = &hook.context.region;
    let access = if region.writable {
        "read and write"
    } else {
        "read"
    };
    if let Some(data) = &hook.data {
        output.line(format_args!(
            "    data at 0: {}, {} bytes, {access}",
            data.name, data.size
        ))?;
    } else if region.sized_by_end || region.known_size > 0 {
        output.line(format_args!(
            "    data at 0: bytes up to data_end, {access}"
        ))?;
    }
    for field in &hook.context.fields {
        let writable = if field.writable { ", writable" } else { "" };
        output.line(format_args!(
            "    {} at {}: {} bytes{writable}",
            field.name, field.offset, field.size
        ))?;
    }
    for attached in &hook.codelets {
        let name = output.good(&format!("{}/{}", attached.codeletset, attached.codelet));
        output.line(format_args!(
            "    runs {name}, priority {}{}",
            attached.priority,
            calls(attached.calls)
        ))?;
    }
    if let Some(calls) = hook.calls {
        output.line(format_args!("    {calls} calls since measuring began"))?;
    }
    if hook.skipped > 0 {
        let calls = output.bad(&hook.skipped.to_string());
        output.line(format_args!("    {calls} calls skipped, nested too deep"))?;
    }
    if hook.kept > 0 {
        let versions = output.bad(&hook.kept.to_string());
        output.line(format_args!(
            "    {versions} versions of its codelets kept in memory: the system does not allow membarrier(2) any more"
        ))?;
    }
    Ok(())
}

/// The known facts of a codelet's calls.
fn calls(known: Option<u64>) -> String {
    known.map_or_else(String::new, |calls| format!(", {calls} calls"))
}
