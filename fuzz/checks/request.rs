//! Any bytes of a file as load and unload requests in YAML.

use std::fs;
use std::path::Path;

use jbpf_channel::StreamId;
use jbpf_object::visible::is_invisible;
use jbpf_operator::request::{
    ChannelRequest, CodeletRequest, LoadRequest, MAX_CHANNELS, MAX_CODELETS, MAX_LINKED_MAPS,
    MAX_NAME_LEN, ObjectSource, RequestError, unload_request_from_yaml_file,
};
use serde_json::{Value, json};

/// Reads a request from a file of `folder` and from text. Checks that an accepted request obeys
/// the limits, and survives being written and read again.
pub fn check(folder: &Path, bytes: &[u8]) {
    let path = folder.join("request.yaml");
    fs::write(&path, bytes).unwrap();
    let unload = unload_request_from_yaml_file(&path);
    match unload {
        Ok(id) => check_name(&id),
        Err(error) => check_error(&error),
    }
    let from_file = LoadRequest::from_yaml_file(&path);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let from_text = LoadRequest::from_yaml_str(text, folder);
        match (&from_file, &from_text) {
            (Ok(file), Ok(text)) => assert_eq!(file, text),
            // A file may be too large, or an object.
            (Err(error), Ok(_)) => assert!(matches!(
                error,
                RequestError::Read { .. } | RequestError::NotYaml { .. }
            )),
            (Err(_), Err(error)) => check_error(error),
            (Ok(_), Err(error)) => panic!("of text alone: {error}"),
        }
    }
    match from_file {
        Ok(request) => check_request(&request, folder),
        Err(error) => check_error(&error),
    }
}

fn check_request(request: &LoadRequest, folder: &Path) {
    check_name(request.codeletset_id());
    assert!((1..=MAX_CODELETS).contains(&request.codelets().len()));
    for codelet in request.codelets() {
        check_name(&codelet.name);
        check_name(&codelet.hook);
        assert!(codelet.inputs.len() <= MAX_CHANNELS && codelet.outputs.len() <= MAX_CHANNELS);
        assert!(codelet.linked_maps.len() <= MAX_LINKED_MAPS);
        for channel in codelet.inputs.iter().chain(&codelet.outputs) {
            check_name(&channel.map);
        }
        for link in &codelet.linked_maps {
            for name in [&link.map, &link.linked_codelet, &link.linked_map] {
                check_name(name);
            }
            let mut siblings = request.codelets().iter();
            assert!(siblings.any(|sibling| sibling.name == link.linked_codelet));
        }
        assert!(
            matches!(&codelet.object, ObjectSource::Path(path) if path.starts_with(folder) || path.is_absolute())
        );
    }
    // JSON is YAML. Variables are replaced already, and a replaced text may look like a variable
    // again.
    let text = written(request, folder).to_string();
    // YAML 1.1 folds three line breaks that JSON leaves as they are.
    if !text.contains("${") && !text.contains(['\u{85}', '\u{2028}', '\u{2029}']) {
        let again = LoadRequest::from_yaml_str(&text, folder).unwrap();
        assert_eq!(again.codeletset_id(), request.codeletset_id());
        assert_eq!(again.codelets(), request.codelets());
    }
}

/// The request as a document, with paths relative to `folder` as its author wrote them.
fn written(request: &LoadRequest, folder: &Path) -> Value {
    let codelets = request.codelets().iter();
    let codelets: Vec<Value> = codelets.map(|one| codelet(one, folder)).collect();
    json!({"codeletset_id": request.codeletset_id(), "codelet_descriptor": codelets})
}

fn codelet(codelet: &CodeletRequest, folder: &Path) -> Value {
    let ObjectSource::Path(path) = &codelet.object else {
        panic!("an object without a path");
    };
    let path = path.to_str().unwrap();
    let own = path.strip_prefix(folder.to_str().unwrap());
    let path = own.and_then(|own| own.strip_prefix('/')).unwrap_or(path);
    let links = codelet.linked_maps.iter().map(|link| {
        json!({
            "map_name": link.map,
            "linked_codelet_name": link.linked_codelet,
            "linked_map_name": link.linked_map,
        })
    });
    json!({
        "codelet_name": codelet.name,
        "codelet_path": path,
        "hook_name": codelet.hook,
        "priority": codelet.priority,
        "runtime_threshold": codelet.runtime_threshold_ns,
        "in_io_channel": channels(&codelet.inputs),
        "out_io_channel": channels(&codelet.outputs),
        "linked_maps": links.collect::<Vec<_>>(),
    })
}

fn channels(channels: &[ChannelRequest]) -> Vec<Value> {
    let channel = |channel: &ChannelRequest| {
        let id = channel.stream_id.as_ref().map(StreamId::to_string);
        let protobuf = channel.protobuf.as_ref().map(|protobuf| {
            json!({"protobuf": {"package_path": protobuf.descriptor, "msg_name": protobuf.message}})
        });
        json!({"name": channel.map, "stream_id": id, "record": channel.record, "serde": protobuf})
    };
    channels.iter().map(channel).collect()
}

fn check_name(name: &str) {
    assert!((1..=MAX_NAME_LEN).contains(&name.len()), "{name:?}");
    assert!(!name.contains(is_invisible), "{name:?}");
}

/// Checks that an error is a sentence fit for a terminal, and short enough to read.
fn check_error(error: &RequestError) {
    let text = error.to_string();
    assert!(!text.is_empty() && text.len() < 2_000, "{text:?}");
    let is_obeyed = |c: char| c != '\t' && is_invisible(c);
    assert!(!text.contains(is_obeyed), "{text:?}");
}
