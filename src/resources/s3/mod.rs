//! Simple Storage Service.
