//! RDS: Aurora.
