//! The finding codes that belong to no gate kind.
