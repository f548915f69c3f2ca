//! Reading attestation documents: a signed message of COSE (RFC 9052) whose payload is a map in CBOR (RFC 8949).
//!
//! Everything is borrowed from the request, so that no length that a document claims costs anything.
//!
//! AWS: "Nitro Enclaves attestation process", in the documentation of the Nitro Secure Module API.

use std::collections::BTreeMap;

use minicbor::data::{Tag, Type};
use minicbor::{Decoder, Encoder};

use super::{Attestation, Platform};

/// The tag of COSE_Sign1; documents need not have it.
const COSE_SIGN1: Tag = Tag::new(18);
/// The protected header: the algorithm, which is ECDSA with SHA-384, and nothing else.
pub(super) const ES384: &[u8] = &[0xa1, 0x01, 0x38, 0x22];
/// The length of a signature of P-384, two numbers.
pub(super) const SIGNATURE_LENGTH: usize = 96;
/// What a signature of COSE_Sign1 is about.
const CONTEXT: &str = "Signature1";
/// Registers of an enclave, and of a TPM.
const PCRS_MAX: u64 = 32;
/// Digests of SHA-256, SHA-384 and SHA-512.
const PCR_LENGTHS: [usize; 3] = [32, 48, 64];
/// Certificates between a root and a signer; AWS has four.
const CHAIN_MAX: u64 = 16;

/// A document whose form is right. Nothing in it is verified.
pub(super) struct Document<'a> {
    protected: &'a [u8],
    payload: &'a [u8],
    /// The signature over [`Document::signed`].
    pub(super) signature: &'a [u8],
    module_id: &'a str,
    /// When it was made, in milliseconds of the Unix epoch.
    pub(super) timestamp: u64,
    platform: Platform,
    pcrs: BTreeMap<u8, &'a [u8]>,
    /// The signer's certificate.
    pub(super) certificate: &'a [u8],
    /// The certificates of its issuers, the root's first.
    pub(super) chain: Vec<&'a [u8]>,
    public_key: &'a [u8],
}

type Read<T> = Result<T, &'static str>;

/// Whatever CBOR does not have at a place.
fn no<E>(what: &'static str) -> impl FnOnce(E) -> &'static str {
    move |_| what
}

impl<'a> Document<'a> {
    /// Reads a document.
    pub(super) fn read(bytes: &'a [u8]) -> Read<Self> {
        let mut cbor = Decoder::new(bytes);
        let tagged = matches!(cbor.datatype(), Ok(Type::Tag));
        if tagged && !cbor.tag().is_ok_and(|tag| tag == COSE_SIGN1) {
            return Err("it is no COSE_Sign1 message");
        }
        let part = "it is no COSE_Sign1 message of four parts";
        if cbor.array().map_err(no(part))? != Some(4) {
            return Err(part);
        }
        let protected = cbor.bytes().map_err(no("its first part is no byte string"))?;
        if protected != ES384 {
            return Err("its algorithm is not ES384");
        }
        cbor.map()
            .map_err(no("its second part is no map"))?
            .filter(|none| *none == 0)
            .ok_or("it has headers that are not protected")?;
        let payload = cbor.bytes().map_err(no("its payload is no byte string"))?;
        let signature = cbor.bytes().map_err(no("its signature is no byte string"))?;
        if cbor.position() != bytes.len() {
            return Err("something follows its signature");
        }
        if signature.len() != SIGNATURE_LENGTH {
            return Err("its signature is not of P-384");
        }
        Payload::read(payload)?.document(protected, payload, signature)
    }

    /// The bytes that are signed.
    pub(super) fn signed(&self) -> Vec<u8> {
        signed(self.protected, self.payload)
    }

    /// What it attests, for whoever has verified it.
    pub(super) fn attestation(&self) -> Attestation {
        Attestation {
            module_id: self.module_id.to_owned(),
            platform: self.platform,
            pcrs: self.pcrs.iter().map(|(index, value)| (*index, value.to_vec())).collect(),
            public_key: self.public_key.to_vec(),
        }
    }
}

/// The bytes that the signature of a message is about.
// RFC 9052, section 4.4: Sig_structure, without external data.
pub(super) fn signed(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut cbor = Encoder::new(Vec::with_capacity(protected.len() + payload.len() + 32));
    // A vector takes everything.
    let _ = cbor
        .array(4)
        .and_then(|cbor| cbor.str(CONTEXT))
        .and_then(|cbor| cbor.bytes(protected))
        .and_then(|cbor| cbor.bytes(&[]))
        .and_then(|cbor| cbor.bytes(payload));
    cbor.into_writer()
}

/// The members of a payload.
#[derive(Default)]
struct Payload<'a> {
    module_id: Option<&'a str>,
    digest: Option<&'a str>,
    timestamp: Option<u64>,
    pcrs: Option<(Platform, BTreeMap<u8, &'a [u8]>)>,
    certificate: Option<&'a [u8]>,
    chain: Option<Vec<&'a [u8]>>,
    public_key: Option<&'a [u8]>,
}

/// Puts a member in its place, which must be free.
fn put<T>(place: &mut Option<T>, value: T) -> Read<()> {
    if place.replace(value).is_some() { Err("a member of its payload is there twice") } else { Ok(()) }
}

impl<'a> Payload<'a> {
    fn read(bytes: &'a [u8]) -> Read<Self> {
        let mut cbor = Decoder::new(bytes);
        let mut payload = Payload::default();
        let map = "its payload is no map";
        // Each member takes two bytes at least: however many are claimed, no more than there are bytes are read.
        for _ in 0..cbor.map().map_err(no(map))?.ok_or(map)? {
            match cbor.str().map_err(no("a name in its payload is no text"))? {
                "module_id" => {
                    put(&mut payload.module_id, cbor.str().map_err(no("module_id is no text"))?)?;
                }
                "digest" => put(&mut payload.digest, cbor.str().map_err(no("digest is no text"))?)?,
                "timestamp" => {
                    put(&mut payload.timestamp, cbor.u64().map_err(no("timestamp is no whole number"))?)?;
                }
                "pcrs" => put(&mut payload.pcrs, (Platform::Enclave, pcrs(&mut cbor)?))?,
                "nitrotpm_pcrs" => put(&mut payload.pcrs, (Platform::NitroTpm, pcrs(&mut cbor)?))?,
                "certificate" => {
                    let certificate = cbor.bytes().map_err(no("certificate is no byte string"))?;
                    put(&mut payload.certificate, certificate)?;
                }
                "cabundle" => put(&mut payload.chain, chain(&mut cbor)?)?,
                "public_key" if !matches!(cbor.datatype(), Ok(Type::Null)) => {
                    let key = cbor.bytes().map_err(no("public_key is no byte string"))?;
                    put(&mut payload.public_key, key)?;
                }
                // Data of the enclave's own, and what later documents may bring.
                _ => cbor.skip().map_err(no("a member of its payload is no CBOR"))?,
            }
        }
        if cbor.position() == bytes.len() { Ok(payload) } else { Err("something follows its payload") }
    }

    fn document(self, protected: &'a [u8], payload: &'a [u8], signature: &'a [u8]) -> Read<Document<'a>> {
        let (platform, pcrs) = self.pcrs.ok_or("it has no pcrs")?;
        if self.digest != Some("SHA384") {
            return Err("its digest is not SHA384");
        }
        Ok(Document {
            protected,
            payload,
            signature,
            module_id: self.module_id.filter(|id| !id.is_empty()).ok_or("it has no module_id")?,
            timestamp: self.timestamp.ok_or("it has no timestamp")?,
            platform,
            pcrs,
            certificate: self.certificate.ok_or("it has no certificate")?,
            chain: self.chain.ok_or("it has no cabundle")?,
            // AWS: for a request to KMS, the enclave has to put its key in.
            public_key: self.public_key.ok_or("it has no public_key")?,
        })
    }
}

fn pcrs<'a>(cbor: &mut Decoder<'a>) -> Read<BTreeMap<u8, &'a [u8]>> {
    let form = "pcrs is no map from numbers below 32 to digests";
    let count = cbor.map().map_err(no(form))?.filter(|count| (1..=PCRS_MAX).contains(count)).ok_or(form)?;
    let mut pcrs = BTreeMap::new();
    for _ in 0..count {
        let index = cbor.u8().map_err(no(form))?;
        let value = cbor.bytes().map_err(no(form))?;
        let known = u64::from(index) < PCRS_MAX && PCR_LENGTHS.contains(&value.len());
        if !known || pcrs.insert(index, value).is_some() {
            return Err(form);
        }
    }
    Ok(pcrs)
}

fn chain<'a>(cbor: &mut Decoder<'a>) -> Read<Vec<&'a [u8]>> {
    let form = "cabundle is no array of 1 to 16 byte strings";
    let count =
        cbor.array().map_err(no(form))?.filter(|count| (1..=CHAIN_MAX).contains(count)).ok_or(form)?;
    (0..count).map(|_| cbor.bytes().map_err(no(form))).collect()
}
