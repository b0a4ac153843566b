//! Sources that were written against the original's headers, in C and in C++.

use std::path::Path;
use std::process::Command;

use crate::terminal::has;
use crate::{Run, jbpf};

/// Every header that sources of codelets include by custom.
const INCLUDES: &str = r#"
#include <limits.h>
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "jbpf_common_types.h"
#include "jbpf_defs.h"
#include "jbpf_helper.h"
#include "jbpf_helper_api_defs_ext.h"
#ifdef __cplusplus
extern "C"
#endif
SEC("jbpf_generic") uint64_t jbpf_main(void *state)
{
    const struct jbpf_generic_ctx *none = NULL;
    const jbpf_codelet_priority_t priority = JBPF_CODELET_PRIORITY_DEFAULT;
    jbpf_io_channel_name_t name;
    __u32 sum = CUSTOM_PROGRAM_START_ID + CUSTOM_HELPER_START_ID + CUSTOM_MAP_START_ID;
    return state != none && priority < INT_MAX && sizeof(name) == JBPF_IO_CHANNEL_NAME_LEN && sum < MAX_HELPER_FUNC;
}
"#;

/// A channel whose records are annotated, and what a libstdc++ has besides.
const ANNOTATED: &str = r#"
#include "jbpf_defs.h"
#include "jbpf_helper.h"
#if defined(__cplusplus) && __has_include(<array>)
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <cwchar>
#include <memory>
#include <optional>
#include <string_view>
#endif
_Static_assert(sizeof(uintptr_t) == sizeof(void *), "a pointer fits");
struct measured { uint64_t at; uint32_t low, high; };
jbpf_ringbuf_map(outmap, struct measured, 16);
#ifdef __cplusplus
extern "C"
#endif
SEC("jbpf_generic") uint64_t jbpf_main(void *state)
{
    struct measured record = {1, 2, 3};
    return jbpf_ringbuf_output(&outmap, &record, sizeof(record));
}
"#;

fn compilers() -> impl Iterator<Item = &'static str> {
    ["clang", "clang-14", "clang-19", "clang-22"]
        .into_iter()
        .filter(|compiler| has(compiler))
}

fn build(source: &Path, text: &str, compiler: &str) -> Run {
    std::fs::write(source, text).unwrap();
    jbpf(&["build", source.to_str().unwrap(), "--clang", compiler])
}

#[test]
fn sources_of_the_original_compile_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    for compiler in compilers() {
        for name in ["codelet.c", "codelet.cpp"] {
            let run = build(&folder.path().join(name), INCLUDES, compiler);
            let told = (run.status, run.stderr.as_str());
            assert_eq!(told, (0, ""), "{compiler} {name}: {}", run.stdout);
        }
    }
}

#[test]
fn records_keep_their_fields_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    for compiler in compilers() {
        for name in ["codelet.c", "codelet.cpp", "codelet.cc"] {
            let source = folder.path().join(name);
            let run = build(&source, ANNOTATED, compiler);
            let told = (run.status, run.stderr.as_str());
            assert_eq!(told, (0, ""), "{compiler} {name}: {}", run.stdout);
            let object = source.with_extension("o");
            let run = jbpf(&["schema", "outmap", "--object", object.to_str().unwrap()]);
            assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{compiler}");
            assert!(run.stdout.contains("uint64 at = 1;"), "{}", run.stdout);
            assert!(run.stdout.contains("uint32 high = 3;"), "{}", run.stdout);
        }
    }
}

/// The command lines that documents and other people's Makefiles have.
#[test]
fn compilers_that_are_called_by_hand_find_what_they_need() {
    let headers = concat!(env!("CARGO_MANIFEST_DIR"), "/../codelets/include");
    let system = ["-I", "/usr/include", "-I", "/usr/include/x86_64-linux-gnu"];
    let lines: [&[&str]; 4] = [
        &["-nostdinc"],
        &[],
        &system,
        &[&["-D__x86_64__"], &system[..]].concat(),
    ];
    let languages: [&[&str]; 2] = [&["-x", "c"], &["-x", "c++", "-std=c++17"]];
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("codelet.c");
    std::fs::write(&source, INCLUDES).unwrap();
    for compiler in compilers() {
        for (line, language) in lines
            .into_iter()
            .flat_map(|line| languages.map(|language| (line, language)))
        {
            let run = Command::new(compiler)
                .args(["-O2", "-g", "-target", "bpf", "-Wall", "-Werror"])
                .args(["-I", headers])
                .args(line)
                .args(language)
                .args(["-c", source.to_str().unwrap(), "-o", "/dev/null"])
                .output()
                .unwrap();
            let told = String::from_utf8_lossy(&run.stderr);
            assert!(
                run.status.success(),
                "{compiler} {line:?} {language:?}: {told}"
            );
        }
    }
}
