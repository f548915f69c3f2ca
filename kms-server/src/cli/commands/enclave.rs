//! `kms-server enclave`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lifecycle::clock::WallTime;
use lifecycle::crypto::{Secret, SystemEntropy, cms};
use lifecycle::ids::hex;
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Map, Value, json};

use super::super::{DocumentArguments, EnclaveCommand, ExitCode, Output};
use super::{Failed, print_line};
use crate::attestation::local::{Claims, DATA_BYTES_MAX, LocalNitro};
use crate::engine::wall;
use crate::store::create_private;

const CERTIFICATE: &str = "root.pem";
const KEY: &str = "root.key";

/// Longest file with a certificate or a key in bytes.
const FILE_BYTES_MAX: usize = 64 * 1024;

pub(super) fn run(command: &EnclaveCommand, output: Output) -> Result<ExitCode, Failed> {
    match command {
        EnclaveCommand::Root { out } => root(out, output)?,
        EnclaveCommand::Document(arguments) => document(arguments, output)?,
    }
    Ok(ExitCode::Ok)
}

fn root(folder: &Path, output: Output) -> Result<(), Failed> {
    let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
    if let Some(there) = [&certificate, &key].into_iter().find(|path| path.exists()) {
        return Err(Failed::usage(format!(
            "{} exists, and is left alone; make documents below that root, or name another directory",
            there.display()
        )));
    }
    let nitro = LocalNitro::new(wall::now()).map_err(failed)?;
    fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    // The key first: a certificate that is there has one. Only the certificate is for others, such as the server, to read.
    let written = create_private(&key).and_then(|mut file| file.write_all(nitro.key_pem().expose()));
    written.map_err(|error| unwritable(&key, &error))?;
    fs::write(&certificate, nitro.root_pem()).map_err(|error| unwritable(&certificate, &error))?;
    let (certificate, key) = (certificate.display(), key.display());
    match output {
        Output::Json => {
            print_line(&json!({ "certificate": certificate.to_string(), "key": key.to_string() }))?;
        }
        Output::Text => print_line(&format!(
            "Made {certificate} and {key}. Whoever has the key is believed to be any enclave.\n\
             Next: kms-server serve --attestation-root {certificate}\n      \
             kms-server enclave document --root {} --public-key FILE",
            folder.display()
        ))?,
    }
    Ok(())
}

fn document(arguments: &DocumentArguments, output: Output) -> Result<(), Failed> {
    let nitro = existing_root(&arguments.root)?;
    let public_key = public_key(&arguments.public_key)?;
    let pcrs = arguments.pcrs().map_err(Failed::usage)?;
    let data = |file: &Option<PathBuf>| file.as_deref().map(|file| read(file, DATA_BYTES_MAX)).transpose();
    let (user_data, nonce) = (data(&arguments.user_data)?, data(&arguments.nonce)?);
    let age = i64::try_from(arguments.age.as_millis()).unwrap_or(i64::MAX);
    let timestamp = WallTime(wall::now().0.saturating_sub(age));
    let claims = Claims {
        module_id: &arguments.module_id,
        platform: arguments.platform(),
        pcrs: &pcrs,
        public_key: Some(&public_key),
        user_data: user_data.as_deref(),
        nonce: nonce.as_deref(),
        timestamp,
    };
    let document = nitro.document(&claims, timestamp).map_err(failed)?;
    if let Some(file) = &arguments.out {
        fs::write(file, &document).map_err(|error| unwritable(file, &error))?;
    }
    let file = arguments.out.as_ref().map(|file| file.display().to_string());
    match (output, file) {
        (Output::Json, file) => {
            let made = jiff::Timestamp::from_millisecond(timestamp.0).map_err(failed)?;
            let shown = pcrs.iter().map(|(index, value)| (index.to_string(), hex(value).into()));
            print_line(&json!({
                "attestation_document": STANDARD.encode(&document),
                "module_id": arguments.module_id,
                "pcrs": shown.collect::<Map<String, Value>>(),
                "timestamp": made.to_string(),
                "file": file,
            }))?;
        }
        (Output::Text, None) => print_line(&STANDARD.encode(&document))?,
        (Output::Text, Some(file)) => print_line(&format!(
            "Wrote {file}. Servers with --attestation-root {} accept it for five minutes, unless set otherwise.",
            arguments.root.join(CERTIFICATE).display()
        ))?,
    }
    Ok(())
}

/// The root that was made in a directory.
fn existing_root(folder: &Path) -> Result<LocalNitro, Failed> {
    let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
    if !certificate.exists() || !key.exists() {
        return Err(Failed::usage(format!(
            "there is no {CERTIFICATE} with its {KEY} in {0}; make them with: kms-server enclave root --out {0}",
            folder.display()
        )));
    }
    let key = Secret::new(read(&key, FILE_BYTES_MAX)?);
    let certificate = String::from_utf8_lossy(&read(&certificate, FILE_BYTES_MAX)?).into_owned();
    LocalNitro::from_pem(&certificate, &key)
        .map_err(|error| Failed::usage(format!("the root in {} cannot be used: {error}", folder.display())))
}

/// The SubjectPublicKeyInfo in a file.
fn public_key(file: &Path) -> Result<Vec<u8>, Failed> {
    let bytes = read(file, FILE_BYTES_MAX)?;
    let key = SubjectPublicKeyInfoDer::from_pem_slice(&bytes).map_or(bytes, |key| key.to_vec());
    // What KMS will do with it.
    let usable = cms::seal(&key, &[], &SystemEntropy::new());
    usable.map(|_| key).map_err(|_| {
        Failed::usage(format!(
            "{} holds no RSA public key of 2048 bits or more; take one out of a private key with: openssl pkey -in \
             private.pem -pubout",
            file.display()
        ))
    })
}

/// A file of bytes, which may be a pipe.
fn read(file: &Path, bytes_max: usize) -> Result<Vec<u8>, Failed> {
    let unreadable =
        |error: &dyn std::fmt::Display| Failed::usage(format!("{} cannot be read: {error}", file.display()));
    let bytes = fs::read(file).map_err(|error| unreadable(&error))?;
    if bytes.len() > bytes_max {
        return Err(unreadable(&format!("it has more than {bytes_max} bytes")));
    }
    Ok(bytes)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failed {
    Failed::new(ExitCode::Failure, format!("{} cannot be written: {error}", path.display()))
}

fn failed(error: impl std::fmt::Display) -> Failed {
    Failed::new(ExitCode::Failure, error)
}
