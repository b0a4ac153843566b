//! The application's handle of a loaded codeletset.

use std::fmt;
use std::sync::Arc;

use jbpf_operator::nearest::nearest;

use crate::codeletset::{CodeletsetInfo, LoadedSet};
use crate::error::OpenMapError;
use crate::map::{MapKey, MapValue, MapView};

/// A loaded codeletset. Dropping it unloads nothing.
#[derive(Clone)]
pub struct Codeletset {
    pub(super) set: Arc<LoadedSet>,
}

impl Codeletset {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.set.id
    }

    /// A map of one of its codelets, with keys and values as the types that stand for the
    /// codelet's. If codelets have different maps of one name, `codelet/map` names one of them.
    ///
    /// # Errors
    /// There is no such map, there are several, or the types have other sizes than its keys and
    /// values.
    pub fn map<K: MapKey, V: MapValue>(&self, name: &str) -> Result<MapView<K, V>, OpenMapError> {
        let (codelet, map) = name
            .rsplit_once('/')
            .map_or((None, name), |(codelet, map)| (Some(codelet), map));
        let codelets = self
            .set
            .codelets
            .iter()
            .filter(|own| codelet.is_none_or(|wanted| own.name == wanted));
        let mut found = codelets.filter_map(|own| own.map(map));
        let first = found.next().ok_or_else(|| OpenMapError::Unknown {
            codeletset: self.set.id.clone(),
            map: name.to_owned(),
            nearest: nearest(map, self.set.map_names()),
        })?;
        if found.any(|other| !Arc::ptr_eq(first, other)) {
            return Err(OpenMapError::Ambiguous {
                codeletset: self.set.id.clone(),
                map: name.to_owned(),
            });
        }
        Ok(MapView::new(Arc::clone(first))?)
    }

    /// Its codelets, maps and channels.
    #[must_use]
    pub fn info(&self) -> CodeletsetInfo {
        self.set.info()
    }
}

impl fmt::Debug for Codeletset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codeletset")
            .field("id", &self.set.id)
            .finish_non_exhaustive()
    }
}
