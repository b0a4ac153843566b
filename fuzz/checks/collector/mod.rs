//! Both sides of shared memory, each with a hostile other side: `grant` is a collector with a
//! lying host, `page` a host with a lying collector.

#[path = "../decisions.rs"]
mod decisions;
pub mod grant;
pub mod page;
