//! The arguments of `enclave`: a root and attestation documents for work without an enclave.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::arguments::value;
use crate::attestation::Platform;

/// Registers of an enclave and of a TPM that a document shows.
// AWS: Nitro Enclaves User Guide, "Cryptographic attestation"; a TPM of version 2.0 has 24.
const REGISTERS: [(Platform, u8); 2] = [(Platform::Enclave, 16), (Platform::NitroTpm, 24)];

/// A digest of SHA-384.
type Digest = [u8; 48];

/// The commands about enclaves.
#[derive(Debug, Clone, Subcommand)]
pub enum EnclaveCommand {
    /// Make a test root: root.pem for the server, and root.key to make documents with
    Root {
        /// Directory to write root.pem and root.key to; it is made if it does not exist
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Make an attestation document below a test root, and print it in base64
    Document(Box<DocumentArguments>),
}

/// What a document says, and where it goes.
#[derive(Debug, Clone, Args)]
pub struct DocumentArguments {
    /// Directory with the root.pem and root.key of `enclave root`
    #[arg(long, value_name = "DIR")]
    pub root: PathBuf,

    /// RSA public key that answers are encrypted under, in PEM or DER
    #[arg(long, value_name = "FILE")]
    pub public_key: PathBuf,

    /// Register and its value, 96 hexadecimal digits; may be repeated. Others are zeros, as of an enclave in debug mode
    #[arg(long, value_name = "NUMBER=HEX", value_parser = register)]
    pcr: Vec<(u8, Digest)>,

    /// Digest of the image that the enclave runs, which is its register 0
    #[arg(long, value_name = "HEX", value_parser = digest, conflicts_with = "nitrotpm")]
    image_sha384: Option<Digest>,

    /// Name of the enclave
    #[arg(long, value_name = "ID", default_value = "i-1234567890abcdef0-enc0123456789abcdef")]
    pub module_id: String,

    /// File with data that the enclave adds, up to 1024 bytes
    #[arg(long, value_name = "FILE")]
    pub user_data: Option<PathBuf>,

    /// File with the nonce that the enclave repeats, up to 1024 bytes
    #[arg(long, value_name = "FILE")]
    pub nonce: Option<PathBuf>,

    /// Make it for an instance with NitroTPM, not for an enclave
    #[arg(long)]
    nitrotpm: bool,

    /// How long ago it was made; servers refuse documents older than their setting attestation.age_max
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = value::<Duration>)]
    pub age: Duration,

    /// File to write the document to, as bytes instead of base64
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

impl DocumentArguments {
    /// What measures the registers.
    #[must_use]
    pub fn platform(&self) -> Platform {
        if self.nitrotpm { Platform::NitroTpm } else { Platform::Enclave }
    }

    /// The registers.
    ///
    /// # Errors
    /// One is given twice.
    pub fn pcrs(&self) -> Result<BTreeMap<u8, Vec<u8>>, String> {
        let count = REGISTERS.iter().find(|(platform, _)| *platform == self.platform());
        let zeros =
            (0..count.map_or(0, |(_, count)| *count)).map(|index| (index, vec![0; size_of::<Digest>()]));
        let mut given = BTreeMap::new();
        let image = self.image_sha384.iter().map(|digest| (0, *digest));
        for (index, digest) in image.chain(self.pcr.iter().copied()) {
            if given.insert(index, digest.to_vec()).is_some() {
                return Err(format!("register {index} is given twice; leave one of them out"));
            }
        }
        let mut pcrs: BTreeMap<_, _> = zeros.collect();
        pcrs.append(&mut given);
        Ok(pcrs)
    }
}

fn register(text: &str) -> Result<(u8, Digest), String> {
    let expected =
        || "expected a register from 0 to 31 and its value, such as 0=5f3c… with 96 digits".to_owned();
    let (index, value) = text.split_once('=').ok_or_else(expected)?;
    let index = index.parse().ok().filter(|index| *index < 32).ok_or_else(expected)?;
    Ok((index, digest(value)?))
}

fn digest(text: &str) -> Result<Digest, String> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let whole = text.len() == 2 * size_of::<Digest>() && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
    bytes.filter(|_| whole).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        let found = text.chars().count();
        format!("expected a digest of SHA-384, which has 96 hexadecimal digits, found {found} characters")
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Arguments, Command};
    use super::*;

    fn parse(line: &str) -> Result<DocumentArguments, String> {
        let line = format!("kms-server enclave document --root r --public-key k {line}");
        match Arguments::parse_arguments(line.split_whitespace()).map_err(|error| error.to_string())?.command
        {
            Command::Enclave(EnclaveCommand::Document(document)) => Ok(*document),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn registers_that_are_not_given_are_zeros() {
        let (one, two) = ("1a".repeat(48), "2B".repeat(48));
        let enclave = parse(&format!("--image-sha384 {one} --pcr 31={two} --pcr 4={two}")).unwrap();
        let pcrs = enclave.pcrs().unwrap();
        assert_eq!((enclave.platform(), pcrs.len()), (Platform::Enclave, 17));
        assert_eq!((&pcrs[&0], &pcrs[&4], &pcrs[&31]), (&vec![0x1a; 48], &vec![0x2b; 48], &vec![0x2b; 48]));
        assert_eq!(pcrs[&15], [0; 48]);
        let tpm = parse("--nitrotpm").unwrap();
        assert_eq!((tpm.platform(), tpm.pcrs().unwrap().len()), (Platform::NitroTpm, 24));
    }

    #[test]
    fn what_is_no_register_is_refused() {
        let digest = "00".repeat(48);
        let twice = parse(&format!("--image-sha384 {digest} --pcr 0={digest}")).unwrap().pcrs();
        assert!(twice.unwrap_err().contains("register 0 is given twice"));
        for (line, part) in [
            (format!("--pcr {digest}"), "such as 0="),
            (format!("--pcr 32={digest}"), "from 0 to 31"),
            (format!("--pcr 0={}", &digest[1..]), "found 95"),
            (format!("--pcr 0={}", digest.replace("00", "+1")), "hexadecimal"),
            (format!("--pcr 0=é{}", &digest[2..]), "hexadecimal"),
            (format!("--image-sha384 {digest} --nitrotpm"), "--nitrotpm"),
            ("--age yesterday".to_owned(), "a duration"),
        ] {
            let error = parse(&line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
