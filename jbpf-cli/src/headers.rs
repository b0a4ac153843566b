//! The headers that codelets include, as they were when this command was built.

use std::io;
use std::path::Path;

macro_rules! headers {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../codelets/include/", $name)))),*]
    };
}

/// Name and text of each.
const HEADERS: &[(&str, &str)] = headers![
    "jbpf_common_types.h",
    "jbpf_defs.h",
    "jbpf_helper.h",
    "jbpf_helper_api_defs.h",
    "jbpf_helper_utils.h",
    "jbpf_perf_ext.h",
    "stdbool.h",
    "stddef.h",
    "stdint.h",
    "string.h",
];

/// Writes all of them into a folder that exists.
pub(crate) fn unpack(folder: &Path) -> io::Result<()> {
    HEADERS
        .iter()
        .try_for_each(|(name, text)| std::fs::write(folder.join(name), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_is_here() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../codelets/include");
        let mut there: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        there.sort();
        let here: Vec<_> = HEADERS.iter().map(|(name, _)| *name).collect();
        assert_eq!(here, there);
    }
}
