//! Key Management Service.
