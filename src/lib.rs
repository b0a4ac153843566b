//! Run verified eBPF codelets at hooks inside a live Rust application.
//!
//! An application declares hooks; an operator loads codelets, small eBPF programs, into the
//! running process. They are verified, compiled to machine code, attached, replaced and unloaded
//! while the application runs, and nothing that is loaded can crash it, hang it, or touch memory
//! that it was not given.
//!
//! ```
//! use jbpf::{Runtime, jbpf_data, jbpf_hook};
//!
//! #[jbpf_data]
//! struct Packet {
//!     seq_no: i32,
//!     value: i32,
//! }
//!
//! /// Called for every packet received.
//! #[jbpf_hook]
//! fn packet_received(packet: &Packet, port: u32) {}
//!
//! let runtime = Runtime::builder().name("docs").build()?;
//! // runtime.load(&LoadRequest::from_yaml_file("load.yaml")?)?;
//! packet_received(&Packet { seq_no: 1, value: -1 }, 80);
//! # drop(runtime);
//! # Ok::<(), jbpf::BuildError>(())
//! ```
//!
//! This crate is a facade: hooks come from `jbpf-hooks`, which a library can use alone, channels
//! from `jbpf-channel`, requests and the client of the control socket from `jbpf-operator`, the
//! runtime from `jbpf-core`.

extern crate self as jbpf;

// Instrumented code: hooks, what they hand to codelets, and helpers.

/// Makes a function a hook: a place where codelets run.
///
/// ```
/// use jbpf::jbpf_hook;
///
/// /// Called for every request. Without codelets, a call does nothing.
/// #[jbpf_hook]
/// fn request_seen(body: &[u8], user: u32) {}
///
/// request_seen(b"hello", 7);
/// ```
pub use jbpf_hooks::jbpf_hook;

/// Describes the layout of a struct, so that codelets and operators see its fields.
///
/// ```
/// use jbpf::{JbpfData, jbpf_data};
///
/// #[jbpf_data]
/// struct Sample {
///     id: u32,
///     level: i16,
///     flags: u16,
/// }
///
/// assert_eq!(Sample::LAYOUT.size, 8);
/// assert_eq!(Sample::LAYOUT.fields[1].name, "level");
/// ```
pub use jbpf_hooks::jbpf_data;

/// Makes a function one that codelets call by its number.
///
/// ```
/// use jbpf::jbpf_helper;
///
/// #[jbpf_helper(id = 40)]
/// fn half_of(number: u64) -> u64 {
///     number / 2
/// }
///
/// assert!(jbpf::codelet_header().contains("half_of"));
/// assert_eq!(half_of(8), 4);
/// ```
pub use jbpf_hooks::jbpf_helper;

/// A context of the application's own: a region and fields, as codelets see them.
///
/// ```
/// use jbpf::{JbpfContext, Region, jbpf_hook};
///
/// #[derive(JbpfContext)]
/// #[repr(C)]
/// struct Frame<'a> {
///     bytes: Region<'a, [u8]>,
///     carrier: u32,
/// }
///
/// #[jbpf_hook]
/// fn frame_sent(frame: Frame<'_>) {}
///
/// frame_sent(Frame { bytes: Region::new(b"abc"), carrier: 3 });
/// ```
pub use jbpf_hooks::JbpfContext;

/// Types whose layout codelets know; `#[jbpf_data]` implements it.
///
/// ```
/// use jbpf::{JbpfData, jbpf_data};
///
/// fn bytes_of<T: JbpfData>() -> usize {
///     T::LAYOUT.size
/// }
///
/// #[jbpf_data]
/// struct Point {
///     x: i32,
///     y: i32,
/// }
///
/// assert_eq!(bytes_of::<Point>(), 8);
/// ```
pub use jbpf_hooks::JbpfData;

/// The data that a codelet may read, in a context of the application's own.
///
/// ```
/// use jbpf::Region;
///
/// let region = Region::new(b"abc".as_slice()).with_meta_data(5);
/// assert_eq!((region.get(), region.meta_data()), (b"abc".as_slice(), 5));
/// ```
pub use jbpf_hooks::Region;

/// The data that a codelet may read and write, in a context of the application's own.
///
/// ```
/// use jbpf::{JbpfContext, RegionMut, jbpf_data, jbpf_hook};
///
/// #[jbpf_data]
/// struct Grant {
///     bytes: u32,
/// }
///
/// #[derive(JbpfContext)]
/// #[repr(C)]
/// struct Turn<'a> {
///     grant: RegionMut<'a, Grant>,
///     user: u32,
/// }
///
/// #[jbpf_hook]
/// fn granted(turn: Turn<'_>) {}
///
/// let mut grant = Grant { bytes: 1500 };
/// granted(Turn { grant: RegionMut::new(&mut grant), user: 1 });
/// assert_eq!(grant.bytes, 1500, "no codelet has changed it");
/// ```
pub use jbpf_hooks::RegionMut;

/// Bytes that a codelet hands to a helper.
///
/// ```
/// use jbpf::{CodeletBytes, jbpf_helper};
///
/// #[jbpf_helper(id = 41)]
/// fn count_bytes(bytes: CodeletBytes<'_>) -> u64 {
///     bytes.len() as u64
/// }
///
/// assert!(jbpf::codelet_header().contains("count_bytes"));
/// ```
pub use jbpf_hooks::CodeletBytes;

/// A map of the codelet that calls a helper.
///
/// ```
/// use jbpf::{MapRef, jbpf_helper};
///
/// /// The value of a key, or 0.
/// #[jbpf_helper(id = 42)]
/// fn value_of(map: MapRef<'_>, key: u32) -> u64 {
///     map.lookup::<u32, u64>(&key).ok().flatten().unwrap_or_default()
/// }
///
/// assert!(jbpf::codelet_header().contains("value_of"));
/// ```
pub use jbpf_hooks::MapRef;

/// The reason why a map refused an operation of a helper.
///
/// ```
/// use jbpf::MapError;
///
/// assert_eq!(MapError::NotFound.code(), -1);
/// assert_eq!(MapError::Full.code(), -4);
/// ```
pub use jbpf_hooks::MapError;

/// A hook, as the registry lists it.
///
/// ```
/// use jbpf::{Hook, jbpf_hook};
///
/// #[jbpf_hook]
/// fn listed_hook(bytes: &[u8]) {}
///
/// listed_hook(b"");
/// let hook: &Hook = jbpf::registry::hooks()
///     .find(|hook| hook.info().name == "listed_hook")
///     .unwrap();
/// assert!(!hook.is_armed(), "no codelet is attached");
/// ```
pub use jbpf_hooks::Hook;

/// Whether hooks were compiled to do anything.
///
/// ```
/// assert!(jbpf::ENABLED, "false with the feature `disabled`");
/// ```
pub use jbpf_hooks::ENABLED;

/// The C header with all hooks, types and helpers of this process.
///
/// ```
/// use jbpf::{codelet_header, jbpf_data, jbpf_hook};
///
/// #[jbpf_data]
/// struct Reading {
///     celsius: f32,
/// }
///
/// #[jbpf_hook]
/// fn reading_taken(reading: &Reading) {}
///
/// reading_taken(&Reading { celsius: 21.5 });
/// assert!(codelet_header().contains("float celsius;"));
/// ```
pub use jbpf_hooks::header::codelet_header;

// Requests: which codelets run at which hooks.

/// The codelets to load, from YAML or from a builder.
///
/// ```
/// use jbpf::request::CodeletBuilder;
/// use jbpf::LoadRequest;
///
/// let object = concat!(env!("CARGO_MANIFEST_DIR"), "/codelets/first_example/example_codelet.o");
/// let codelet = CodeletBuilder::from_path("echo", object, "packet_received").priority(1);
/// let request = LoadRequest::builder("first").codelet(codelet).build()?;
/// assert_eq!(request.codeletset_id(), "first");
/// # Ok::<(), jbpf::RequestError>(())
/// ```
pub use jbpf_operator::request::LoadRequest;

/// The reason why a request is none.
///
/// ```
/// use jbpf::{LoadRequest, RequestError};
///
/// let error: RequestError = LoadRequest::from_yaml_str("codeletset_id: [", ".").unwrap_err();
/// assert!(error.to_string().starts_with("the request is not valid: "));
/// ```
pub use jbpf_operator::request::RequestError;

// The runtime, and what it has loaded.

/// The one runtime of a process: it loads codelets and takes them out again.
///
/// ```
/// use jbpf::request::CodeletBuilder;
/// use jbpf::{LoadRequest, Runtime, jbpf_data, jbpf_hook};
///
/// #[jbpf_data]
/// struct Packet {
///     seq_no: i32,
///     value: i32,
///     name: [u8; 32],
/// }
///
/// #[jbpf_hook]
/// fn packet_counted(packet: &Packet, ctx_id: u32) {}
///
/// let object = concat!(env!("CARGO_MANIFEST_DIR"), "/codelets/first_example/example_codelet.o");
/// let codelet = CodeletBuilder::from_path("echo", object, "packet_counted")
///     .input_derived("inmap")
///     .output_derived("outmap");
/// let request = LoadRequest::builder("set").codelet(codelet).build()?;
/// let runtime = Runtime::builder().build()?;
/// let codeletset = runtime.load(&request)?;
///
/// packet_counted(&Packet { seq_no: 1, value: 2, name: [0; 32] }, 0);
/// assert_eq!(runtime.list().len(), 1);
/// runtime.unload(codeletset.id())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub use jbpf_core::runtime::Runtime;

/// The settings of a runtime, before there is one.
///
/// ```
/// use jbpf::{Runtime, RuntimeBuilder};
///
/// let builder: RuntimeBuilder = Runtime::builder()
///     .name("docs")
///     .memory_budget(16 << 20)
///     .max_instructions(100_000);
/// let runtime = builder.build()?;
/// assert_eq!(runtime.name(), "docs");
/// # Ok::<(), jbpf::BuildError>(())
/// ```
pub use jbpf_core::runtime::RuntimeBuilder;

/// A loaded codeletset: its facts and its maps. Dropping it unloads nothing.
///
/// ```
/// use jbpf::request::CodeletBuilder;
/// use jbpf::{Codeletset, LoadRequest, Runtime, jbpf_data, jbpf_hook};
///
/// #[jbpf_data]
/// struct Packet {
///     seq_no: i32,
///     value: i32,
///     name: [u8; 32],
/// }
///
/// #[jbpf_hook]
/// fn packet_shown(packet: &Packet, ctx_id: u32) {}
///
/// let object = concat!(env!("CARGO_MANIFEST_DIR"), "/codelets/first_example/example_codelet.o");
/// let codelet = CodeletBuilder::from_path("echo", object, "packet_shown")
///     .input_derived("inmap")
///     .output_derived("outmap");
/// let request = LoadRequest::builder("set").codelet(codelet).build()?;
/// let runtime = Runtime::builder().build()?;
/// let codeletset = runtime.load(&request)?;
/// let same: Option<Codeletset> = runtime.get("set");
/// assert_eq!(same.map(|set| set.info().id), Some(codeletset.id().to_owned()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub use jbpf_core::runtime::Codeletset;

/// A map of a codelet, read and written by the application while codelets use it.
///
/// ```
/// use jbpf::request::CodeletBuilder;
/// use jbpf::{LoadRequest, MapView, Runtime, jbpf_data, jbpf_hook};
///
/// #[jbpf_data]
/// struct Packet {
///     seq_no: i32,
///     value: i32,
///     name: [u8; 32],
/// }
///
/// #[jbpf_hook]
/// fn packet_kept(packet: &Packet, ctx_id: u32) {}
///
/// let object = concat!(env!("CARGO_MANIFEST_DIR"), "/codelets/first_example/example_codelet.o");
/// let codelet = CodeletBuilder::from_path("echo", object, "packet_kept")
///     .input_derived("inmap")
///     .output_derived("outmap");
/// let request = LoadRequest::builder("set").codelet(codelet).build()?;
/// let runtime = Runtime::builder().build()?;
/// let codeletset = runtime.load(&request)?;
/// let counter: MapView<u32, u32> = codeletset.map("counter")?;
/// packet_kept(&Packet { seq_no: 1, value: 2, name: [0; 32] }, 0);
/// assert_eq!(counter.get(&0)?, Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub use jbpf_core::map::MapView;

/// A record of a codelet, as the callback of `Runtime::on_output` gets it.
///
/// ```
/// use jbpf::request::CodeletBuilder;
/// use jbpf::{LoadRequest, OutputRecord, Runtime, jbpf_data, jbpf_hook};
///
/// #[jbpf_data]
/// struct Packet {
///     seq_no: i32,
///     value: i32,
///     name: [u8; 32],
/// }
///
/// #[jbpf_hook]
/// fn packet_echoed(packet: &Packet, ctx_id: u32) {}
///
/// let object = concat!(env!("CARGO_MANIFEST_DIR"), "/codelets/first_example/example_codelet.o");
/// let codelet = CodeletBuilder::from_path("echo", object, "packet_echoed")
///     .input_derived("inmap")
///     .output_derived("outmap");
/// let request = LoadRequest::builder("set").codelet(codelet).build()?;
/// let runtime = Runtime::builder().build()?;
/// let codeletset = runtime.load(&request)?;
/// let (tell, hear) = std::sync::mpsc::channel();
/// runtime.on_output(move |record: OutputRecord<'_>| {
///     let _ = tell.send((record.map.to_owned(), record.bytes.len()));
/// })?;
/// packet_echoed(&Packet { seq_no: 1, value: 2, name: [0; 32] }, 0);
/// assert_eq!(hear.recv()?, ("outmap".to_owned(), 40));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub use jbpf_core::runtime::OutputRecord;

/// A measurement of hooks: it lasts as long as this value.
///
/// ```
/// use jbpf::request::CodeletBuilder;
/// use jbpf::{LoadRequest, Measuring, Runtime, jbpf_data, jbpf_hook};
///
/// #[jbpf_data]
/// struct Packet {
///     seq_no: i32,
///     value: i32,
///     name: [u8; 32],
/// }
///
/// #[jbpf_hook]
/// fn packet_timed(packet: &Packet, ctx_id: u32) {}
///
/// let object = concat!(env!("CARGO_MANIFEST_DIR"), "/codelets/first_example/example_codelet.o");
/// let codelet = CodeletBuilder::from_path("echo", object, "packet_timed")
///     .input_derived("inmap")
///     .output_derived("outmap");
/// let request = LoadRequest::builder("set").codelet(codelet).build()?;
/// let runtime = Runtime::builder().build()?;
/// let codeletset = runtime.load(&request)?;
/// let measuring: Measuring = runtime.measure("packet_timed")?;
/// packet_timed(&Packet { seq_no: 1, value: 2, name: [0; 32] }, 0);
/// let statistics = runtime.statistics();
/// assert!(statistics.hook("packet_timed").is_some());
/// drop(measuring);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub use jbpf_core::runtime::Measuring;

/// The policy and priority of the runtime's threads.
///
/// ```
/// use jbpf::{Runtime, Scheduling};
///
/// let runtime = Runtime::builder().thread_scheduling(Scheduling::Nice(10)).build()?;
/// # drop(runtime);
/// # Ok::<(), jbpf::BuildError>(())
/// ```
pub use jbpf_core::runtime::Scheduling;

/// The engine that runs codelets: machine code, or the checked interpreter.
///
/// ```
/// use jbpf::{Engine, Runtime};
///
/// let runtime = Runtime::builder().engine(Engine::Interpreter).build()?;
/// # drop(runtime);
/// # Ok::<(), jbpf::BuildError>(())
/// ```
pub use jbpf_core::engine::Engine;

// Channels: records out, control in.

/// The name of a channel: 128 bits, written as 32 hex digits.
///
/// ```
/// use jbpf::StreamId;
///
/// let id: StreamId = "00112233445566778899aabbccddeeff".parse()?;
/// assert_eq!(id.0[..2], [0x00, 0x11]);
/// assert_eq!(id.to_string(), "00112233445566778899aabbccddeeff");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub use jbpf_channel::StreamId;

/// The records of an output channel, as values of a type.
///
/// ```
/// use jbpf::request::CodeletBuilder;
/// use jbpf::{LoadRequest, Receiver, Runtime, jbpf_data, jbpf_hook};
///
/// #[jbpf_data]
/// struct Packet {
///     seq_no: i32,
///     value: i32,
///     name: [u8; 32],
/// }
///
/// #[jbpf_hook]
/// fn packet_sent_out(packet: &Packet, ctx_id: u32) {}
///
/// let object = concat!(env!("CARGO_MANIFEST_DIR"), "/codelets/first_example/example_codelet.o");
/// let codelet = CodeletBuilder::from_path("echo", object, "packet_sent_out")
///     .input_derived("inmap")
///     .output_derived("outmap");
/// let request = LoadRequest::builder("set").codelet(codelet).build()?;
/// let runtime = Runtime::builder().build()?;
/// let codeletset = runtime.load(&request)?;
/// let stream = runtime.streams().into_iter().find(|stream| stream.map == "outmap").unwrap();
/// let records: Receiver<Packet> = runtime.output(stream.stream_id)?;
/// packet_sent_out(&Packet { seq_no: 6, value: 2, name: [0; 32] }, 0);
/// assert_eq!(records.try_recv().map(|packet| packet.seq_no), Some(6));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub use jbpf_channel::Receiver;

/// The records of an output channel, as bytes.
///
/// ```
/// use jbpf::request::CodeletBuilder;
/// use jbpf::{LoadRequest, RawReceiver, Receiver, Runtime, jbpf_data, jbpf_hook};
///
/// #[jbpf_data]
/// struct Packet {
///     seq_no: i32,
///     value: i32,
///     name: [u8; 32],
/// }
///
/// #[jbpf_hook]
/// fn packet_sent_raw(packet: &Packet, ctx_id: u32) {}
///
/// let object = concat!(env!("CARGO_MANIFEST_DIR"), "/codelets/first_example/example_codelet.o");
/// let codelet = CodeletBuilder::from_path("echo", object, "packet_sent_raw")
///     .input_derived("inmap")
///     .output_derived("outmap");
/// let request = LoadRequest::builder("set").codelet(codelet).build()?;
/// let runtime = Runtime::builder().build()?;
/// let codeletset = runtime.load(&request)?;
/// let stream = runtime.streams().into_iter().find(|stream| stream.map == "outmap").unwrap();
/// let records: Receiver<Packet> = runtime.output(stream.stream_id)?;
/// let raw: &RawReceiver = records.raw();
/// assert_eq!((raw.name(), raw.record_size()), ("outmap", 40));
/// assert_eq!(raw.try_recv_bytes(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub use jbpf_channel::RawReceiver;

/// The end of an input channel that takes values of a type.
///
/// ```
/// use jbpf::request::CodeletBuilder;
/// use jbpf::{LoadRequest, Runtime, Sender, jbpf_data, jbpf_hook};
///
/// #[jbpf_data]
/// struct Packet {
///     seq_no: i32,
///     value: i32,
///     name: [u8; 32],
/// }
///
/// #[jbpf_hook]
/// fn packet_answered(packet: &Packet, ctx_id: u32) {}
///
/// let object = concat!(env!("CARGO_MANIFEST_DIR"), "/codelets/first_example/example_codelet.o");
/// let codelet = CodeletBuilder::from_path("echo", object, "packet_answered")
///     .input_derived("inmap")
///     .output_derived("outmap");
/// let request = LoadRequest::builder("set").codelet(codelet).build()?;
/// let runtime = Runtime::builder().build()?;
/// let codeletset = runtime.load(&request)?;
/// #[jbpf_data]
/// struct Response {
///     seq_no: i32,
/// }
///
/// let stream = runtime.streams().into_iter().find(|stream| stream.map == "inmap").unwrap();
/// let responses: Sender<Response> = runtime.input(stream.stream_id)?;
/// responses.send(&Response { seq_no: 1 })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub use jbpf_channel::Sender;

/// The end of an input channel that takes bytes.
///
/// ```
/// use jbpf::{RawSender, SendError};
///
/// fn forward(channel: &RawSender, record: &[u8]) -> Result<(), SendError> {
///     assert!(record.len() <= channel.record_size() as usize);
///     channel.send(record)
/// }
/// # let _ = forward;
/// ```
pub use jbpf_channel::RawSender;

/// The reason why a record was not sent.
///
/// ```
/// use jbpf::SendError;
///
/// let error = SendError::Full;
/// assert_eq!(error.to_string(), "the channel is full; the record was dropped and counted");
/// ```
pub use jbpf_channel::SendError;

/// The reason why a channel cannot be opened.
///
/// ```
/// use jbpf::ChannelError;
///
/// fn report(error: &ChannelError) -> String {
///     format!("{}: {error}", error.code())
/// }
/// # let _ = report;
/// ```
pub use jbpf_channel::ChannelError;

// Errors of the runtime. Each is a sentence that names the culprit.

/// The reason why there is no runtime.
///
/// ```
/// use jbpf::{BuildError, Runtime};
///
/// let first = Runtime::builder().build()?;
/// let second = Runtime::builder().build();
/// assert!(matches!(second, Err(BuildError::AlreadyRunning { .. })));
/// # drop(first);
/// # Ok::<(), BuildError>(())
/// ```
pub use jbpf_core::error::BuildError;

/// The reason why a request was not loaded; nothing of it is left behind.
///
/// ```
/// use jbpf::request::CodeletBuilder;
/// use jbpf::{LoadError, LoadRequest, Runtime};
///
/// let object = concat!(env!("CARGO_MANIFEST_DIR"), "/codelets/first_example/example_codelet.o");
/// let codelet = CodeletBuilder::from_path("echo", object, "no_such_hook")
///     .input_derived("inmap")
///     .output_derived("outmap");
/// let request = LoadRequest::builder("set").codelet(codelet).build()?;
/// let runtime = Runtime::builder().build()?;
/// let error: LoadError = runtime.load(&request).unwrap_err();
/// assert!(error.to_string().contains("no_such_hook"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub use jbpf_core::error::LoadError;

/// The reason why a codeletset was not unloaded.
///
/// ```
/// use jbpf::{Runtime, UnloadError};
///
/// let runtime = Runtime::builder().build()?;
/// let error: UnloadError = runtime.unload("nobody").unwrap_err();
/// assert!(error.to_string().contains("nobody"));
/// # Ok::<(), jbpf::BuildError>(())
/// ```
pub use jbpf_core::error::UnloadError;

/// The thread that an unload still waits for.
///
/// ```
/// use jbpf::{ThreadInside, UnloadError};
///
/// fn report(error: &UnloadError) {
///     if let UnloadError::StillInside { .. } = error {
///         eprintln!("{error}");
///     }
/// }
/// fn name(thread: &ThreadInside) -> String {
///     thread.to_string()
/// }
/// # let _ = (report, name);
/// ```
pub use jbpf_core::error::ThreadInside;

/// A call of the runtime from inside of a codelet, or from a forked child.
///
/// ```
/// use jbpf::WrongPlace;
///
/// assert!(WrongPlace::InsideCodelet.to_string().contains("codelet"));
/// ```
pub use jbpf_core::error::WrongPlace;

/// The reason why a channel of a codelet is not opened.
///
/// ```
/// use jbpf::{OpenError, Receiver, Runtime, StreamId};
///
/// let runtime = Runtime::builder().build()?;
/// let opened: Result<Receiver<u32>, OpenError> = runtime.output(StreamId([7; 16]));
/// assert!(matches!(opened, Err(OpenError::UnknownStream { .. })));
/// # Ok::<(), jbpf::BuildError>(())
/// ```
pub use jbpf_core::error::OpenError;

/// The reason why a map of a codelet is not opened.
///
/// ```
/// use jbpf::request::CodeletBuilder;
/// use jbpf::{LoadRequest, OpenMapError, Runtime, jbpf_data, jbpf_hook};
///
/// #[jbpf_data]
/// struct Packet {
///     seq_no: i32,
///     value: i32,
///     name: [u8; 32],
/// }
///
/// #[jbpf_hook]
/// fn packet_mapped(packet: &Packet, ctx_id: u32) {}
///
/// let object = concat!(env!("CARGO_MANIFEST_DIR"), "/codelets/first_example/example_codelet.o");
/// let codelet = CodeletBuilder::from_path("echo", object, "packet_mapped")
///     .input_derived("inmap")
///     .output_derived("outmap");
/// let request = LoadRequest::builder("set").codelet(codelet).build()?;
/// let runtime = Runtime::builder().build()?;
/// let codeletset = runtime.load(&request)?;
/// let error: OpenMapError = codeletset.map::<u32, u32>("no_such_map").unwrap_err();
/// assert!(error.to_string().contains("no_such_map"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub use jbpf_core::error::OpenMapError;

/// The reason why a hook is not measured.
///
/// ```
/// use jbpf::{MeasureError, Runtime};
///
/// let runtime = Runtime::builder().build()?;
/// let error: MeasureError = runtime.measure("no_such_hook").unwrap_err();
/// assert!(error.to_string().contains("no_such_hook"));
/// # Ok::<(), jbpf::BuildError>(())
/// ```
pub use jbpf_core::runtime::MeasureError;

/// The reason why a callback gets no records.
///
/// ```
/// use jbpf::{OutputError, Runtime};
///
/// let runtime = Runtime::builder().build()?;
/// runtime.on_output(|_| {})?;
/// let second = runtime.on_output(|_| {});
/// assert!(matches!(second, Err(OutputError::AlreadyServed)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub use jbpf_core::runtime::OutputError;

/// The reason why the runtime cannot have the threads that its builder asks for.
///
/// ```
/// use jbpf::{BuildError, Runtime, ThreadError};
///
/// let refused = Runtime::builder().thread_prefix("").build();
/// assert!(matches!(refused, Err(BuildError::Threads(ThreadError::Prefix(_)))));
/// ```
pub use jbpf_core::runtime::ThreadError;

// Modules, for what has no name of its own above.

/// Hooks that the runtime calls itself, for codelets that report statistics.
///
/// ```
/// use jbpf::builtin_hooks::REPORT_PERIOD;
///
/// assert_eq!(REPORT_PERIOD.as_secs(), 1);
/// ```
pub use jbpf_core::builtin_hooks;

/// Facts about loaded codeletsets.
///
/// ```
/// use jbpf::codeletset::CodeletsetInfo;
///
/// fn names(set: &CodeletsetInfo) -> Vec<&str> {
///     set.codelets.iter().map(|codelet| codelet.name.as_str()).collect()
/// }
/// # let _ = names;
/// ```
pub use jbpf_core::codeletset;

/// The engines, and the kinds of abort.
///
/// ```
/// use jbpf::engine::AbortKind;
///
/// assert_eq!(AbortKind::of_argument(1).name(), "assertion");
/// ```
pub use jbpf_core::engine;

/// Errors of the runtime.
///
/// ```
/// use jbpf::error::WrongPlace;
///
/// assert!(WrongPlace::InsideCodelet.to_string().contains("codelet"));
/// ```
pub use jbpf_core::error;

/// Maps: options of their memory, and kinds of the application's own.
///
/// ```
/// use jbpf::Runtime;
/// use jbpf::map::MapOptions;
///
/// let runtime = Runtime::builder().map_options(MapOptions::default()).build()?;
/// # drop(runtime);
/// # Ok::<(), jbpf::BuildError>(())
/// ```
pub use jbpf_core::map;

/// The runtime and its parts.
///
/// ```
/// use jbpf::runtime::Runtime;
///
/// assert_eq!(Runtime::builder().build()?.list().len(), 0);
/// # Ok::<(), jbpf::BuildError>(())
/// ```
pub use jbpf_core::runtime;

/// The control socket of an application.
///
/// ```
/// use jbpf::server::default_path;
///
/// assert!(default_path("gateway").ends_with("gateway.sock"));
/// ```
pub use jbpf_core::server;

/// Statistics of hooks, codelets and channels.
///
/// ```
/// use jbpf::Runtime;
/// use jbpf::stats::Statistics;
///
/// let runtime = Runtime::builder().build()?;
/// let statistics: Statistics = runtime.statistics();
/// assert!(statistics.hook("no_such_hook").is_none());
/// # Ok::<(), jbpf::BuildError>(())
/// ```
pub use jbpf_core::stats;

/// Contexts: their layout, and the types of their fields.
///
/// ```
/// use jbpf::context::FIRST_FIELD_OFFSET;
///
/// assert_eq!(FIRST_FIELD_OFFSET, 24);
/// ```
pub use jbpf_hooks::context;

/// C headers for codelets.
///
/// ```
/// use jbpf::header::CodeletHeader;
///
/// assert!(CodeletHeader::new().to_string().contains("#include"));
/// ```
pub use jbpf_hooks::header;

/// Helpers: their declarations, arguments and results.
///
/// ```
/// use jbpf::helper::APPLICATION_IDS;
///
/// assert!(APPLICATION_IDS.contains(&40));
/// ```
pub use jbpf_hooks::helper;

/// Hooks: their declarations, and the way into codelets.
///
/// ```
/// use jbpf::hook::HookKind;
///
/// assert_ne!(HookKind::Control, HookKind::Monitoring);
/// ```
pub use jbpf_hooks::hook;

/// Records as JSON, written from their layout.
///
/// ```
/// use jbpf::jbpf_data;
/// use jbpf::json::JsonRecord;
///
/// #[jbpf_data]
/// struct Packet {
///     seq_no: i32,
/// }
///
/// assert_eq!(JsonRecord::of(&Packet { seq_no: 6 }).to_string(), r#"{"seq_no":"6"}"#);
/// ```
pub use jbpf_hooks::json;

/// Layouts of the data that codelets see.
///
/// ```
/// use jbpf::layout::Scalar;
///
/// assert_eq!(Scalar::I16.size(), 2);
/// ```
pub use jbpf_hooks::layout;

/// The threads inside of codelets, and when replaced code may be freed.
///
/// ```
/// use jbpf::reclaim;
///
/// assert!(reclaim::prepare_thread().is_some());
/// assert!(!reclaim::inside_codelet());
/// ```
pub use jbpf_hooks::reclaim;

/// Regions: the data that a call shows to codelets.
///
/// ```
/// use jbpf::region::Region;
///
/// assert_eq!(Region::new(&[1_u8, 2]).get(), &[1, 2]);
/// ```
pub use jbpf_hooks::region;

/// All hooks, types and helpers that are linked into the process.
///
/// ```
/// use jbpf::{jbpf_hook, registry};
///
/// #[jbpf_hook]
/// fn registered(bytes: &[u8]) {}
///
/// registered(b"");
/// assert!(registry::hooks().any(|hook| hook.info().name == "registered"));
/// ```
pub use jbpf_hooks::registry;

/// A client of the control socket.
///
/// ```
/// use jbpf::operator::Operator;
///
/// assert!(Operator::connect("/no/such.sock").is_err());
/// ```
pub use jbpf_operator::client as operator;

/// The messages of the control socket.
///
/// ```
/// use jbpf::protocol::MAX_LINE;
///
/// assert!(MAX_LINE >= 1 << 20);
/// ```
pub use jbpf_operator::protocol;

/// Load requests, their parts and their errors.
///
/// ```
/// use jbpf::request::{CodeletBuilder, LoadRequest};
///
/// let codelet = CodeletBuilder::from_bytes("one", *b"object", "some_hook");
/// let request = LoadRequest::builder("set").codelet(codelet).build()?;
/// assert_eq!(request.codelets().len(), 1);
/// # Ok::<(), jbpf::RequestError>(())
/// ```
pub use jbpf_operator::request;

/// Names of channels, derived from where they belong.
///
/// ```
/// use jbpf::stream::Direction;
///
/// assert_eq!(Direction::Output.name(), "output");
/// ```
pub use jbpf_operator::stream;

#[doc(hidden)]
pub use jbpf_hooks::__private;

/// The names that an application with hooks uses.
///
/// ```
/// use jbpf::prelude::*;
///
/// #[jbpf_data]
/// struct Packet {
///     seq_no: i32,
///     value: i32,
/// }
///
/// #[jbpf_hook]
/// fn packet_sent(packet: &Packet, port: u32) {}
///
/// let runtime: Runtime = Runtime::builder().name("prelude").build()?;
/// packet_sent(&Packet { seq_no: 1, value: -1 }, 80);
/// # drop(runtime);
/// # Ok::<(), jbpf::BuildError>(())
/// ```
pub mod prelude {
    pub use crate::{
        CodeletBytes, JbpfContext, JbpfData, LoadRequest, MapRef, Receiver, Region, RegionMut,
        Runtime, Sender, StreamId, jbpf_data, jbpf_helper, jbpf_hook,
    };
}
