//! Keys and sealed bytes, as restic's design document has them (“Keys, Encryption and MAC”).

use aes::cipher::generic_array::GenericArray;
use aes::cipher::{BlockEncrypt as _, KeyInit as _};
use aes::{Aes128, Aes256};
use data_encoding::BASE64;
use poly1305::Poly1305;
use serde_json::Value;

use super::{number, text};

/// What seals and opens: AES-256-CTR, and Poly1305-AES over the sealed bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Key {
    encrypt: [u8; 32],
    mac_k: [u8; 16],
    mac_r: [u8; 16],
}

impl Key {
    /// The master key of a key file, opened with the password.
    pub(super) fn of_key_file(file: &Value, password: &str) -> Option<Self> {
        assert_eq!(text(file, "kdf"), "scrypt", "key files: scrypt makes the key");
        let log_n = u8::try_from(number(file, "N").ilog2()).unwrap();
        let small = |field| u32::try_from(number(file, field)).unwrap();
        let parameters = scrypt::Params::new(log_n, small("r"), small("p"), 64).expect("key files: parameters");
        let mut derived = [0; 64];
        scrypt::scrypt(password.as_bytes(), &base64(file, "salt"), &parameters, &mut derived)
            .expect("key files: length");
        let (encrypt, mac) = derived.split_at(32);
        let user = Self {
            encrypt: encrypt.try_into().unwrap(),
            mac_k: mac[..16].try_into().unwrap(),
            mac_r: mac[16..].try_into().unwrap(),
        };
        let opened = user.open(&base64(file, "data"))?;
        Some(Self::of_json(&serde_json::from_slice(&opened).expect("key files: a JSON document is sealed in them")))
    }

    /// The master key as JSON: `{"mac":{"k","r"},"encrypt"}`, base64.
    pub(super) fn of_json(key: &Value) -> Self {
        let array = |value: &Value, field| base64(value, field).try_into().expect("the master key: 16 bytes");
        Self {
            encrypt: base64(key, "encrypt").try_into().expect("the master key: 32 bytes"),
            mac_k: array(&key["mac"], "k"),
            mac_r: array(&key["mac"], "r"),
        }
    }

    /// 16 bytes of nonce, what is sealed, 16 bytes that prove it; `None` when they do not.
    pub(super) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_at_checked(16)?;
        let (hidden, proof) = rest.split_at_checked(rest.len().checked_sub(16)?)?;
        let mut masked = *GenericArray::from_slice(nonce);
        Aes128::new(&self.mac_k.into()).encrypt_block(&mut masked);
        let one_time = [self.mac_r.as_slice(), masked.as_slice()].concat();
        let expected = Poly1305::new(GenericArray::from_slice(&one_time)).compute_unpadded(hidden);
        (expected.as_slice() == proof).then(|| self.counter_mode(nonce, hidden))
    }

    /// AES-256 in counter mode; the nonce is the first counter, its highest byte first.
    fn counter_mode(&self, nonce: &[u8], hidden: &[u8]) -> Vec<u8> {
        let cipher = Aes256::new(&self.encrypt.into());
        let mut counter = u128::from_be_bytes(nonce.try_into().expect("16 bytes"));
        let mut plain = Vec::with_capacity(hidden.len());
        for chunk in hidden.chunks(16) {
            let mut stream = counter.to_be_bytes().into();
            cipher.encrypt_block(&mut stream);
            plain.extend(chunk.iter().zip(stream).map(|(byte, mask)| byte ^ mask));
            counter = counter.wrapping_add(1);
        }
        plain
    }
}

fn base64(value: &Value, field: &str) -> Vec<u8> {
    BASE64.decode(text(value, field).as_bytes()).expect("keys: base64")
}
