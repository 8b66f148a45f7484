//! Shared by the database servers: finding their programs, copying folders, ports, certificates.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

/// A program of the PATH or of these folders: where Debian puts servers isn't on everybody's PATH.
pub fn find(name: &str, folders: impl IntoIterator<Item = PathBuf>, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).chain(folders).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("this test needs {name}: install {package}"))
}

/// `--name=path`
pub fn option(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

/// Fails with its output unless it succeeded.
pub fn succeed(output: Output) -> Output {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    output
}

/// Copies a folder with all that is in it.
pub fn copy_folder(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).output();
    succeed(copied.expect("cp runs"));
}

/// A free port on loopback.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it has an address").port()
}

/// Writes `ca.pem`, `server.pem` and `server.key` into a folder, for a server of these names; returns the authority's certificate.
pub fn certify(folder: &Path, hosts: &[&str]) -> String {
    let named = |names: Vec<String>, common: &str| {
        let mut parameters = CertificateParams::new(names).expect("the host names are valid");
        parameters.distinguished_name.push(DnType::CommonName, common);
        parameters
    };
    let key = || KeyPair::generate().expect("a key");
    let mut authority = named(Vec::new(), "test authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = key();
    let ca = authority.self_signed(&authority_key).expect("a certificate").pem();
    let issuer = Issuer::new(authority, authority_key);

    let mut server = named(hosts.iter().map(ToString::to_string).collect(), "database");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // All authorities are called the same: who trusts several finds the right one by its key.
    server.use_authority_key_identifier_extension = true;
    let server_key = key();
    let certificate = server.signed_by(&server_key, &issuer).expect("a certificate").pem();
    for (file, pem) in [("ca.pem", &ca), ("server.pem", &certificate), ("server.key", &server_key.serialize_pem())] {
        fs::write(folder.join(file), pem).expect("the folder can be written");
    }
    ca
}
