//! Both sides of shared memory, each with a hostile other side: `grant` is a collector whose host lies, `page` a host whose
//! collector does.

#[path = "../decisions.rs"]
mod decisions;
pub mod grant;
pub mod page;
