//! WAFv2.
