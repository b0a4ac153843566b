//! `jbpf build FILE`: from a codelet's source, in C or C++, to an object that is known to be safe.

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Args, ValueEnum};
use serde::Serialize;
use tempfile::TempDir;

use crate::headers;
use crate::output::{self, Failure, Output, Status};
use crate::surroundings::Against;
use crate::verdict::{self, Form};

/// Compile a codelet with clang, and verify what comes out.
///
/// The codelet headers (jbpf_defs.h, jbpf_helper.h and so on) are in this command. With --app,
/// --socket or --hook, the header of the running application is found as hooks.h, and the codelet
/// is verified against it. The compiler is `clang`, what the variable CLANG names, or what --clang
/// names. A source that ends with .cpp, .cc or .cxx is C++17 without exceptions; the C++ headers
/// of this machine are in reach if it has any.
#[derive(Args)]
pub(crate) struct Build {
    /// The codelet's source.
    #[arg(value_name = "FILE.c|FILE.cpp")]
    source: PathBuf,

    /// The object; by default beside the source, with the ending .o.
    #[arg(short = 'o', long = "output", value_name = "FILE.o")]
    object: Option<PathBuf>,

    /// The version of the instruction set; v4 needs a newer compiler than the others.
    #[arg(long, value_name = "VERSION", default_value = "v3")]
    cpu: Cpu,

    /// Look for headers in this folder, too, before those of the command.
    #[arg(short = 'I', long = "include", value_name = "FOLDER")]
    include: Vec<PathBuf>,

    /// Define a macro; JBPF_DEBUG_ENABLED makes jbpf_printf_debug print.
    #[arg(short = 'D', long = "define", value_name = "NAME[=VALUE]")]
    define: Vec<String>,

    /// The name that the codelet includes the application's header by.
    #[arg(long, value_name = "NAME", default_value = "hooks.h")]
    header: PathBuf,

    /// The compiler.
    #[arg(long, value_name = "PATH")]
    clang: Option<PathBuf>,

    #[command(flatten)]
    against: Against,

    /// Print the program's instructions, with their source lines and what was proved of each.
    #[arg(long, visible_alias = "asm")]
    listing: bool,

    /// Print JSON, one object a line for each program.
    #[arg(long)]
    json: bool,
}

/// A file's name that no program takes for anything else. `-x.c` would be an option, also to what
/// clang itself runs after it has taken it for a file, and `@x.c` would name a file of options.
fn as_path(path: &Path) -> OsString {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_');
    if path.as_os_str().as_bytes().first().is_some_and(is_plain) {
        return path.into();
    }
    Path::new(".").join(path).into()
}

/// An option and its value in one argument, which begins with the option whatever the value is.
fn joined(option: &str, value: &OsStr) -> OsString {
    let mut argument = OsString::from(option);
    argument.push(value);
    argument
}

#[derive(Clone, Copy, ValueEnum)]
enum Cpu {
    V1,
    V2,
    V3,
    V4,
}

impl Cpu {
    fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::V3 => "v3",
            Self::V4 => "v4",
        }
    }
}

/// A source that made no object, as JSON.
#[derive(Serialize)]
struct NotCompiled<'a> {
    file: &'a Path,
    verdict: &'static str,
    error: String,
    diagnostics: &'a str,
}

impl Build {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        if let Err(source) = std::fs::File::open(&self.source) {
            return Err(Failure::Unreadable {
                path: self.source.clone(),
                source,
            });
        }
        // The folder in front of it is no help: clang gives what it runs the name alone, too.
        let name = self.source.file_name().unwrap_or_default();
        if name.as_bytes().starts_with(b"@") {
            return Err(Failure::OptionsFile(self.source.clone()));
        }
        let object = self.object()?;
        let mut application = self.against.connect()?;
        let surroundings = self.against.surroundings(application.as_mut())?;
        let header = application.map(|mut application| application.header());
        let folder = self.folder(header.transpose()?)?;

        if !self.compile(&object, folder.path(), output)? {
            return Ok(Status::Refused);
        }
        let form = Form {
            json: self.json,
            listing: self.listing,
        };
        let read = verdict::read_object(&object)?;
        let mut worst = Status::Success;
        for program in &read.programs {
            let status = verdict::judge(&object, program, &surroundings, form, output)?;
            worst = worst.max(status);
        }
        Ok(worst)
    }

    fn object(&self) -> Result<PathBuf, Failure> {
        if let Some(object) = &self.object {
            let folder = object.parent().unwrap_or(object);
            if !folder.as_os_str().is_empty()
                && let Err(source) = std::fs::read_dir(folder)
            {
                return Err(Failure::Unwritable {
                    path: object.clone(),
                    source,
                });
            }
            return Ok(object.clone());
        }
        let object = self.source.with_extension("o");
        if object == self.source {
            return Err(Failure::OwnObject(object));
        }
        Ok(object)
    }

    /// A folder with the headers, and that of the application.
    fn folder(&self, header: Option<String>) -> Result<TempDir, Failure> {
        let unwritable = |path: PathBuf| move |source| Failure::Unwritable { path, source };
        let folder = tempfile::tempdir().map_err(unwritable(std::env::temp_dir()))?;
        headers::unpack(folder.path()).map_err(unwritable(folder.path().to_owned()))?;
        if let Some(header) = header {
            let path = folder.path().join(&self.header);
            std::fs::write(&path, &header).map_err(unwritable(path))?;
            self.warn_of_another(&header);
        }
        Ok(folder)
    }

    /// C looks beside the source first.
    fn warn_of_another(&self, header: &str) {
        let other = self.source.with_file_name(&self.header);
        if std::fs::read_to_string(&other).is_ok_and(|other| other != header) {
            output::warn(&format!(
                "`{}` is not what the application's header is now, and is found before it",
                other.display()
            ));
        }
    }

    fn compiler(&self) -> PathBuf {
        let variable = || std::env::var_os("CLANG").filter(|name| !name.is_empty());
        let given = self.clang.clone().or_else(|| variable().map(PathBuf::from));
        given.unwrap_or_else(|| PathBuf::from("clang"))
    }

    fn arguments(&self, object: &Path, headers: &Path) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = [
            "-O2",
            "-g",
            "-target",
            "bpf",
            "-Wall",
            "-Wextra",
            "-Wno-unused-parameter",
            "-nostdinc",
            // Objects hold no path of the machine that built them.
            "-fdebug-compilation-dir=.",
        ]
        .map(OsString::from)
        .to_vec();
        if io::stderr().is_terminal() && !self.json {
            arguments.push("-fcolor-diagnostics".into());
        }
        arguments.push(format!("-mcpu={}", self.cpu.name()).into());
        let mut map = OsString::from("-fdebug-prefix-map=");
        map.push(headers);
        map.push("=jbpf");
        arguments.push(map);
        arguments.extend(self.define.iter().map(|name| joined("-D", name.as_ref())));
        let folders = self.include.iter().map(PathBuf::as_path).chain([headers]);
        arguments.extend(folders.map(|folder| joined("-I", folder.as_os_str())));
        if self.is_cpp() {
            let language = ["-x", "c++", "-std=c++17", "-fno-exceptions", "-fno-rtti"];
            arguments.extend(language.map(OsString::from));
            arguments.push("-D_GNU_SOURCE".into());
            // Descriptions of all types that a header declares, used or not: clang 22 crashes
            // where it leaves some out. The object keeps the same.
            arguments.push("-fstandalone-debug".into());
            // glibc takes each machine that it does not know for a 32-bit one, and makes uintptr_t
            // too narrow for a pointer.
            if cfg!(target_arch = "x86_64") {
                arguments.push("-D__x86_64__".into());
            }
            let folders = self.system_folders().into_iter();
            arguments.extend(folders.map(|folder| joined("-isystem", &folder)));
        }
        arguments.extend(["-o".into(), as_path(object), "-c".into(), "--".into()]);
        arguments.push(as_path(&self.source));
        arguments
    }

    fn is_cpp(&self) -> bool {
        let ending = self.source.extension().and_then(|ending| ending.to_str());
        matches!(ending, Some("cpp" | "cc" | "cxx"))
    }

    /// The folders in which the compiler finds C++ headers of this machine. Compilers know none
    /// for eBPF, so the host's are asked for. No folders if the compiler does not tell: `compile`
    /// reports what is wrong with it.
    fn system_folders(&self) -> Vec<OsString> {
        let asked = Command::new(self.compiler())
            .args(["-x", "c++", "-E", "-v", "-o", "/dev/null", "/dev/null"])
            .output();
        let told = asked.map(|run| run.stderr).unwrap_or_default();
        let told = String::from_utf8_lossy(&told);
        told.lines()
            .skip_while(|line| !line.starts_with("#include <...>"))
            .skip(1)
            .take_while(|line| line.starts_with(' '))
            .map(|line| line.trim().into())
            .collect()
    }

    /// Whether there is an object now. The compiler's messages are passed on.
    fn compile(&self, object: &Path, headers: &Path, output: &mut Output) -> Result<bool, Failure> {
        let compiler = self.compiler();
        let run = Command::new(&compiler)
            .args(self.arguments(object, headers))
            .output()
            .map_err(|source| Failure::Compiler { compiler, source })?;
        let diagnostics = String::from_utf8_lossy(&run.stderr);
        let compiled = run.status.success();
        if !self.json || compiled {
            output::pass_on(&run.stderr);
        }
        if compiled {
            return Ok(true);
        }
        let error = format!(
            "`{}` does not compile{}",
            self.source.display(),
            self.reason(&diagnostics)
        );
        if self.json {
            output.json(&NotCompiled {
                file: &self.source,
                verdict: "not_compiled",
                error,
                diagnostics: &diagnostics,
            })?;
        } else {
            output::complain(error);
        }
        Ok(false)
    }

    /// What clang's words mean for whoever has no codelets in mind when reading them.
    fn reason(&self, diagnostics: &str) -> String {
        if diagnostics.contains("unknown target CPU") {
            let cpu = self.cpu.name();
            return format!("; this compiler does not know --cpu {cpu}");
        }
        if diagnostics.contains("unable to create target") || diagnostics.contains("unknown target")
        {
            return "; this compiler was built without the target bpf".to_owned();
        }
        if diagnostics.contains(&format!("'{}' file not found", self.header.display())) {
            return "; with --hook or --app, that header comes from the running application; else put it beside the \
                    source (`jbpf header` prints it)"
                .to_owned();
        }
        String::new()
    }
}
