//! The headers that codelets include, as they were when this command was built.
//!
//! `embedded` leads to them and to what else of `codelets` is in the command: a package has what
//! lies in its own folder.

use std::io;
use std::path::Path;

macro_rules! headers {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../embedded/include/", $name)))),*]
    };
}

/// Name and text of each.
const HEADERS: &[(&str, &str)] = headers![
    "gnu/stubs-32.h",
    "jbpf_common_types.h",
    "jbpf_defs.h",
    "jbpf_helper.h",
    "jbpf_helper_api_defs.h",
    "jbpf_helper_api_defs_ext.h",
    "jbpf_helper_utils.h",
    "jbpf_perf_ext.h",
    "limits.h",
    "linux/bpf.h",
    "linux/types.h",
    "stdbool.h",
    "stddef.h",
    "stdint.h",
    "stdlib.h",
    "string.h",
];

/// Writes all of them into a folder that exists.
pub(crate) fn unpack(folder: &Path) -> io::Result<()> {
    HEADERS.iter().try_for_each(|(name, text)| {
        let path = folder.join(name);
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(path, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A build of the command from its package alone finds all of it.
    #[test]
    fn what_is_embedded_is_packaged() {
        let list = std::process::Command::new(env!("CARGO"))
            .args(["package", "--list", "--allow-dirty", "--offline"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let list = String::from_utf8(list.stdout).unwrap();
        let packaged: Vec<_> = list.lines().collect();
        let headers = HEADERS
            .iter()
            .map(|(name, _)| format!("embedded/include/{name}"));
        let project = ["slow_requests.c", "slow_requests.o", "hooks.h", "load.yaml"];
        let project = project.map(|name| format!("embedded/new_project/{name}"));
        for name in headers.chain(project) {
            assert!(packaged.contains(&name.as_str()), "{name}: {list}");
        }
        for source in packaged.iter().filter(|name| name.starts_with("src/")) {
            let path = format!("{}/{source}", env!("CARGO_MANIFEST_DIR"));
            let up = "../".repeat(source.matches('/').count() + 1);
            for line in std::fs::read_to_string(path).unwrap().lines() {
                let outside = line.contains("include_") && line.contains(&up);
                assert!(!outside, "{source} includes from elsewhere: {line}");
            }
        }
    }

    fn names(folder: &Path, prefix: &str) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        let below = entries.map(|entry| {
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            match entry.file_type().unwrap().is_dir() {
                true => names(&entry.path(), &format!("{name}/")),
                false => vec![name],
            }
        });
        below.flatten().collect()
    }

    #[test]
    fn every_header_is_here() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../codelets/include");
        let mut there = names(Path::new(folder), "");
        there.sort();
        let here: Vec<_> = HEADERS.iter().map(|(name, _)| *name).collect();
        assert_eq!(here, there);
    }
}
