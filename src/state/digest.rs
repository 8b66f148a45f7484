//! Hexadecimal digests and ids.

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 16 random bytes as hexadecimal: a lineage, an idempotency token. Not a secret.
pub fn random_hex() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let mut bytes = Vec::new();
    for _ in 0..2 {
        // RandomState is seeded by the operating system.
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u32(std::process::id());
        hasher.write_i128(jiff::Timestamp::now().as_nanosecond());
        bytes.extend(hasher.finish().to_le_bytes());
    }
    hex(&bytes)
}
