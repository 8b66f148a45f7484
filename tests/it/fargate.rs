//! What the requirement of `fargate-postgres` asks for, of production and of staging.

mod constraints;
mod operations;
mod requirements;
mod staging;
