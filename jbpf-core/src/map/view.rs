//! A map's contents by types, for the application while codelets run.

use std::collections::BTreeMap;
use std::iter::Sum;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::sync::Arc;

use jbpf_verifier::types::MapDef;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::Map;
use super::access::AccessError;

/// A type that can be the key of a [`MapView`]: plain bytes without padding, every pattern of them
/// valid.
pub trait MapKey: FromBytes + IntoBytes + Immutable {}
impl<T: FromBytes + IntoBytes + Immutable> MapKey for T {}

/// A type that can be the value of a [`MapView`]: plain bytes without padding, every pattern of
/// them valid. A codelet may write any pattern.
pub trait MapValue: FromBytes + IntoBytes + Immutable {}
impl<T: FromBytes + IntoBytes + Immutable> MapValue for T {}

/// A map of values by key, as the Rust types that stand for the codelet's.
///
/// Keys and values are copied. Each aligned word of eight bytes is copied whole; the words of a
/// larger value may be from different moments when a codelet writes it meanwhile. A value read
/// from a hash map was the value of that very key at some moment during the call. On arrays the
/// key's first four bytes are the index.
///
/// Reading takes no lock. [`set`](Self::set), [`remove`](Self::remove) and [`clear`](Self::clear)
/// of hash maps lock one bucket at a time, for tens of nanoseconds: a codelet that writes to the
/// same bucket waits.
///
/// The map lives as long as its views do, also after its codeletset is gone.
#[derive(Debug)]
pub struct MapView<K, V> {
    map: Arc<Map>,
    types: PhantomData<fn(K) -> V>,
}

impl<K, V> Clone for MapView<K, V> {
    fn clone(&self) -> Self {
        Self {
            map: Arc::clone(&self.map),
            types: PhantomData,
        }
    }
}

impl<K: MapKey, V: MapValue> MapView<K, V> {
    /// A map with keys of type `K` and values of type `V`.
    ///
    /// # Errors
    /// The types have other sizes than the map's keys and values, or the map is a channel.
    pub fn new(map: Arc<Map>) -> Result<Self, AccessError> {
        let view = Self {
            map,
            types: PhantomData,
        };
        view.map
            .check_sizes(K::new_zeroed().as_bytes(), Some(V::new_zeroed().as_bytes()))?;
        view.map.element_count()?;
        Ok(view)
    }

    /// The map's definition.
    #[must_use]
    pub fn def(&self) -> &MapDef {
        self.map.def()
    }

    /// The value of a key; `None` when a hash map does not have it.
    ///
    /// # Errors
    /// An index out of range, or a per-thread kind, which has [`get_each`](Self::get_each) and
    /// [`sum`](Self::sum).
    pub fn get(&self, key: &K) -> Result<Option<V>, AccessError> {
        let mut value = V::new_zeroed();
        let found = self.map.get(key.as_bytes(), value.as_mut_bytes())?;
        Ok(found.then_some(value))
    }

    /// Sets the value of a key, new or not.
    ///
    /// # Errors
    /// An index out of range, a full map, a busy bucket, a per-thread kind, or a section of
    /// constants.
    pub fn set(&self, key: &K, value: &V) -> Result<(), AccessError> {
        self.map.set(key.as_bytes(), value.as_bytes())
    }

    /// Removes a key from a hash map; false when there was no such key.
    ///
    /// # Errors
    /// A busy bucket, an array, or a per-thread kind.
    pub fn remove(&self, key: &K) -> Result<bool, AccessError> {
        self.map.remove(key.as_bytes())
    }

    /// Zeroes an array or empties a hash map: every thread's copy of a per-thread kind.
    ///
    /// # Errors
    /// A busy bucket (some keys remain), or a section of constants.
    pub fn clear(&self) -> Result<(), AccessError> {
        self.map.clear_all()
    }

    /// The values that the threads have for a key, with their slots; on other kinds the one value,
    /// with slot 0. A thread that exits leaves its values, which the next new thread goes on with.
    ///
    /// # Errors
    /// An index out of range.
    pub fn get_each(&self, key: &K) -> Result<Vec<(u32, V)>, AccessError> {
        let mut values = Vec::new();
        let mut value = V::new_zeroed();
        self.map
            .get_each(key.as_bytes(), value.as_mut_bytes(), |slot, bytes| {
                values.extend(V::read_from_bytes(bytes).ok().map(|value| (slot, value)));
            })?;
        Ok(values)
    }

    /// The sum of a key's values over all threads, exited ones included. It never falls if the
    /// counters only grow.
    ///
    /// # Errors
    /// An index out of range.
    pub fn sum(&self, key: &K) -> Result<V, AccessError>
    where
        V: Sum,
    {
        let values = self.get_each(key)?;
        Ok(values.into_iter().map(|(_, value)| value).sum())
    }

    /// Copies of all elements: all entries of an array; of a hash map, each that is there all the
    /// while, once; of a per-thread kind, those of every thread.
    ///
    /// # Errors
    /// A bucket stayed locked.
    pub fn iter(&self) -> Result<std::vec::IntoIter<(K, V)>, AccessError> {
        let mut elements = Vec::new();
        self.map.for_each(|_, key, value| {
            let key = K::read_from_bytes(key).ok();
            elements.extend(key.zip(V::read_from_bytes(value).ok()));
            ControlFlow::Continue(())
        })?;
        Ok(elements.into_iter())
    }

    /// All keys with the sums of their values over all threads, by ascending bytes of the key.
    ///
    /// # Errors
    /// A bucket stayed locked.
    pub fn sums(&self) -> Result<std::vec::IntoIter<(K, V)>, AccessError>
    where
        V: Sum,
    {
        let mut values: BTreeMap<Vec<u8>, Vec<V>> = BTreeMap::new();
        self.map.for_each(|_, key, value| {
            let of_key = values.entry(key.to_vec()).or_default();
            of_key.extend(V::read_from_bytes(value));
            ControlFlow::Continue(())
        })?;
        let sums: Vec<_> = values
            .into_iter()
            .filter_map(|(key, values)| {
                Some((K::read_from_bytes(&key).ok()?, values.into_iter().sum()))
            })
            .collect();
        Ok(sums.into_iter())
    }

    /// Elements now: all entries of an array, the keys of a hash map; those of every thread's copy
    /// of a per-thread kind. While others write, a number that may never have been exact.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.element_count().unwrap_or(0)
    }

    /// Whether there are no elements now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
