//! Systems Manager.
