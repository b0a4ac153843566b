//! Code of the application's, run where a panic must not go on: inside of codelets, and on threads
//! of the runtime.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Whether nothing is contained: the program is built so that a panic ends it (`panic = "abort"`
/// in its profile, which holds for all of its crates).
pub(crate) const ABORTS: bool = cfg!(panic = "abort");

/// Runs `run`; `None` if it panicked. Things that it left half done are the application's to mend.
pub(crate) fn contain<R>(run: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => Some(result),
        Err(payload) => {
            // The payload is the application's, too: its destructor can panic as well.
            if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                mem::forget(second);
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Explosive;

    impl Drop for Explosive {
        fn drop(&mut self) {
            std::panic::panic_any(Self);
        }
    }

    #[test]
    fn panics_are_contained_and_so_are_those_of_what_they_carry() {
        assert_eq!(contain(|| 5), Some(5));
        assert_eq!(contain(|| panic!("a bug")), None::<()>);
        assert_eq!(contain(|| std::panic::panic_any(Explosive)), None::<()>);
    }
}
