//! `jbpf new DIR`: a project to start from.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::output::{Failure, Output, Status};

/// Make a project: an application with a hook, a codelet for it, and the request that loads it.
///
/// `cargo run` in the new folder works at once; the codelet is there compiled, too. Its README
/// goes on from there.
#[derive(Args)]
pub(crate) struct New {
    /// The folder, new or empty.
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// The name of package and application; by default that of the folder.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Where the library is: its source tree, or the URL of its git repository; by default, the
    /// source tree that this command was built from.
    #[arg(long, value_name = "PATH|URL")]
    jbpf: Option<String>,

    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

/// The source tree that this command was built from.
const SOURCE_TREE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

const MANIFEST: &str = include_str!("../../template/Cargo.toml.in");
const README: &str = include_str!("../../template/README.md.in");

/// The files that are the same in every project.
const FILES: [(&str, &[u8]); 6] = [
    (".gitignore", b"/target\n"),
    ("src/main.rs", include_bytes!("../../template/main.rs")),
    (
        "codelets/slow_requests.c",
        include_bytes!("../../embedded/new_project/slow_requests.c"),
    ),
    (
        "codelets/slow_requests.o",
        include_bytes!("../../embedded/new_project/slow_requests.o"),
    ),
    (
        "codelets/hooks.h",
        include_bytes!("../../embedded/new_project/hooks.h"),
    ),
    (
        "codelets/load.yaml",
        include_bytes!("../../embedded/new_project/load.yaml"),
    ),
];

#[derive(Serialize)]
struct Made<'a> {
    folder: &'a Path,
    name: &'a str,
    files: Vec<&'a str>,
}

impl New {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let name = self.name()?;
        let manifest = MANIFEST
            .replace("@NAME@", &name)
            .replace("@DEPENDENCY@", &self.dependency()?);
        let readme = README.replace("@NAME@", &name);
        let of_this_project = [
            ("Cargo.toml", manifest.as_bytes()),
            ("README.md", readme.as_bytes()),
        ];
        let files = of_this_project.into_iter().chain(FILES);

        self.claim_folder()?;
        for (path, contents) in files.clone() {
            write(&self.folder.join(path), contents)?;
        }
        if self.json {
            output.json(&Made {
                folder: &self.folder,
                name: &name,
                files: files.map(|(path, _)| path).collect(),
            })?;
            return Ok(Status::Success);
        }
        let verdict = output.good("made");
        let folder = self.folder.display();
        output.line(format_args!("{verdict} {name} in {folder}"))?;
        output.line(format_args!(
            "  cd {folder} && cargo run, and read on in its README.md"
        ))?;
        Ok(Status::Success)
    }

    /// The folder's name, or the one that was given, if a package can have it.
    fn name(&self) -> Result<String, Failure> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => {
                // The name of `.` is known to the system alone.
                let absolute = std::path::absolute(&self.folder).ok();
                let name = absolute.as_deref().and_then(Path::file_name);
                name.unwrap_or_default().to_string_lossy().into_owned()
            }
        };
        let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic());
        let goes_on_well = name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        if !starts_well || !goes_on_well || ["jbpf", "test"].contains(&&*name) {
            return Err(Failure::NoPackageName(name));
        }
        Ok(name)
    }

    /// The library, as a manifest says where it is.
    fn dependency(&self) -> Result<String, Failure> {
        let source = self.jbpf.as_deref().unwrap_or(SOURCE_TREE);
        let (kind, place) = if source.contains("://") || source.starts_with("git@") {
            ("git", source.to_owned())
        } else {
            let tree = Path::new(source).canonicalize();
            let tree = tree.ok().filter(|tree| tree.join("src/lib.rs").is_file());
            let tree = tree.ok_or_else(|| Failure::NoSourceTree(source.into()))?;
            ("path", tree.to_string_lossy().into_owned())
        };
        // TOML and JSON write strings alike.
        Ok(format!("{{ {kind} = {} }}", serde_json::json!(place)))
    }

    fn claim_folder(&self) -> Result<(), Failure> {
        let mut there = match std::fs::read_dir(&self.folder) {
            Ok(there) => there,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => {
                return Err(Failure::Unwritable {
                    path: self.folder.clone(),
                    source,
                });
            }
        };
        match there.next() {
            None => Ok(()),
            Some(_) => Err(Failure::NotEmpty(self.folder.clone())),
        }
    }
}

fn write(path: &Path, contents: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, contents))
        .map_err(|source| Failure::Unwritable {
            path: path.to_owned(),
            source,
        })
}
