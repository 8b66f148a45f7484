//! Errors of the state store. What to do about them is in `report::advice`.

use std::sync::Arc;

/// The result of a state operation.
pub type Result<T> = std::result::Result<T, StateError>;

/// Why a state can't be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StateError {
    /// The state is cut off, edited or corrupt.
    #[error("the state {path} is damaged: {what}")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// A newer provisioner has written the state.
    #[error("the state {path} has format {found}, but this provisioner knows only formats up to {known}")]
    Newer {
        /// The file.
        path: String,
        /// The format of the file.
        found: u32,
        /// The newest known format.
        known: u32,
    },
    /// The state is of another system.
    #[error("the state {path} is of the system {found}, but the configuration is of {expected}")]
    OtherSystem {
        /// The file.
        path: String,
        /// The system of the state.
        found: String,
        /// The system of the configuration.
        expected: String,
    },
    /// The state is of another account.
    #[error("the state {path} is of the AWS account {found}, but the credentials are of {expected}")]
    OtherAccount {
        /// The file.
        path: String,
        /// The account of the state.
        found: String,
        /// The account of the credentials.
        expected: String,
    },
    /// The journal is corrupt.
    #[error("the journal {path} is damaged: {what}")]
    Journal {
        /// The file.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// Another run has locked the state.
    #[error("another run holds the lock {path}: {holder}")]
    Locked {
        /// The lock.
        path: String,
        /// The run that holds it, and since when.
        holder: String,
    },
    /// Another run has written the state since it was read.
    #[error("another run has written {name} since it was read")]
    Conflict {
        /// The state or journal.
        name: String,
    },
    /// The lease has expired or was revoked: another run may have started.
    #[error("the lock of {name} was lost: {why}")]
    LockLost {
        /// The lock.
        name: String,
        /// The reason.
        why: String,
    },
    /// A write to the journal was cancelled: nobody knows how much of it is stored.
    #[error("a write to the journal of {name} was cancelled")]
    Incomplete {
        /// The state.
        name: String,
    },
    /// An S3 request failed.
    #[error("{what} {name}: {message}")]
    Remote {
        /// What was tried.
        what: &'static str,
        /// The object.
        name: String,
        /// The error of S3.
        message: String,
        /// The kind of error.
        cause: RemoteCause,
    },
    /// A living process holds the lock of the operating system.
    #[error("{holder} holds the lock {path}")]
    LockedByProcess {
        /// The lock file.
        path: String,
        /// The process that holds it, and since when.
        holder: String,
    },
    /// A file operation failed.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: String,
        /// The error of the operating system.
        source: Arc<std::io::Error>,
    },
}

/// Why an S3 request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoteCause {
    /// The bucket doesn't exist.
    NoBucket,
    /// The credentials don't allow it.
    Denied,
    /// The credentials don't allow to delete objects.
    DeleteDenied,
    /// S3 rejected the request for another reason.
    Rejected,
    /// S3 gave no answer, or only a part of one.
    NoAnswer,
}
