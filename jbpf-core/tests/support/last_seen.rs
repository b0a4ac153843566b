//! A map type of an application's own, for all tests that need one.
#![expect(
    unsafe_code,
    reason = "implements storage that codelets access by address"
)]

use std::ops::ControlFlow;
use std::ptr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use jbpf_core::map::{ApplicationKind, ApplicationMap, ShowElement, Status};
use jbpf_verifier::types::MapDef;

/// Type 20: the last value of each key modulo the number of entries. Its flag 1 lets keys be
/// deleted and cleared. It panics at key 666, and instead of having 13 entries.
struct LastSeen {
    /// Key plus one (0: none) and value.
    places: Box<[(AtomicU64, AtomicU64)]>,
    deletes: bool,
}

/// How many there are.
pub static LIVING: AtomicUsize = AtomicUsize::new(0);

pub fn last_seen() -> ApplicationKind {
    ApplicationKind::new(20, |def| {
        LastSeen::create(def).map(|own| Box::new(own) as _)
    })
    .unwrap()
}

impl LastSeen {
    fn create(def: &MapDef) -> Result<Self, String> {
        if (def.key_size, def.value_size) != (4, 8) {
            return Err("it takes keys of 4 bytes and values of 8".to_owned());
        }
        assert_ne!(def.max_entries, 13, "bad luck");
        LIVING.fetch_add(1, Ordering::Relaxed);
        Ok(Self {
            places: (0..def.max_entries).map(|_| Default::default()).collect(),
            deletes: def.parameters.flags & 1 != 0,
        })
    }

    fn place(&self, key: &[u8]) -> (u64, &(AtomicU64, AtomicU64)) {
        let key = u32::from_ne_bytes(key.try_into().unwrap());
        assert_ne!(key, 666, "a bug of the application's");
        let place = &self.places[key as usize % self.places.len()];
        (u64::from(key) + 1, place)
    }
}

impl Drop for LastSeen {
    fn drop(&mut self) {
        LIVING.fetch_sub(1, Ordering::Relaxed);
    }
}

// SAFETY: values are `AtomicU64`s in a box that lives as long as the map, and all references to
// them are to atomics; `contains` compares with their addresses.
unsafe impl ApplicationMap for LastSeen {
    fn lookup(&self, key: &[u8], _slot: u32) -> *mut u8 {
        let (key, (owner, value)) = self.place(key);
        if owner.load(Ordering::Acquire) == key {
            value.as_ptr().cast()
        } else {
            ptr::null_mut()
        }
    }

    fn update(&self, key: &[u8], value: &[u8], _slot: u32) -> Status {
        let (key, (owner, place)) = self.place(key);
        let value = u64::from_ne_bytes(value.try_into().unwrap());
        place.store(value, Ordering::Relaxed);
        owner.store(key, Ordering::Release);
        Status::Success
    }

    fn delete(&self, key: &[u8], _slot: u32) -> Status {
        if !self.deletes {
            return Status::UNSUPPORTED;
        }
        let (key, (owner, _)) = self.place(key);
        match owner.compare_exchange(key, 0, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => Status::Success,
            Err(_) => Status::Error,
        }
    }

    fn clear(&self, _slot: u32) -> Status {
        if !self.deletes {
            return Status::UNSUPPORTED;
        }
        for (owner, _) in &self.places {
            owner.store(0, Ordering::Release);
        }
        Status::Success
    }

    fn for_each(&self, _slot: u32, show: &mut ShowElement<'_>) -> Result<(), Status> {
        for (owner, value) in &self.places {
            let Some(key) = owner.load(Ordering::Acquire).checked_sub(1) else {
                continue;
            };
            let key = u32::try_from(key).unwrap().to_ne_bytes();
            let value = value.load(Ordering::Relaxed).to_ne_bytes();
            if show(&key, &value) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn contains(&self, addr: usize, len: usize, _slot: u32) -> bool {
        self.places.iter().any(|(_, value)| {
            let start = value.as_ptr().addr();
            addr >= start && addr + len <= start + 8
        })
    }

    fn memory(&self) -> usize {
        size_of_val(&*self.places)
    }
}
