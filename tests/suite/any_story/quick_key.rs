//! A repository whose password opens at once: scrypt with few rounds in its key file, as restic's design document allows.

use std::fs;
use std::path::Path;

use aes::cipher::generic_array::GenericArray;
use aes::cipher::{BlockEncrypt as _, KeyInit as _};
use aes::{Aes128, Aes256};
use data_encoding::{BASE64, HEXLOWER};
use poly1305::Poly1305;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// Seals the master key again, with the same password; the slow key files go.
pub(super) fn replace_keys(repository: &Path, password: &str, master_key: &str) {
    let (salt, nonce) = ([7; 64], [9; 16]);
    let parameters = scrypt::Params::new(1, 8, 1, 64).expect("few rounds");
    let mut derived = [0; 64];
    scrypt::scrypt(password.as_bytes(), &salt, &parameters, &mut derived).expect("64 bytes");
    let sealed = seal(&derived, nonce, master_key.as_bytes());
    let file = json!({
        "created": "2026-11-22T00:00:00Z", "username": "anna", "hostname": "test",
        "kdf": "scrypt", "N": 2, "r": 8, "p": 1, "salt": BASE64.encode(&salt), "data": BASE64.encode(&sealed),
    });
    let bytes = file.to_string().into_bytes();
    let keys = repository.join("keys");
    for old in fs::read_dir(&keys).expect("keys") {
        fs::remove_file(old.expect("a key").path()).expect("a file can be removed");
    }
    fs::write(keys.join(HEXLOWER.encode(&Sha256::digest(&bytes))), bytes).expect("a file can be written");
}

/// AES-256 in counter mode, then Poly1305-AES over the result. `key`: 32 bytes that hide, 16 that mask, 16 that prove.
fn seal(key: &[u8; 64], nonce: [u8; 16], plain: &[u8]) -> Vec<u8> {
    let (encrypt, mac) = key.split_at(32);
    let cipher = Aes256::new(GenericArray::from_slice(encrypt));
    let mut counter = u128::from_be_bytes(nonce);
    let mut hidden = Vec::with_capacity(plain.len());
    for chunk in plain.chunks(16) {
        let mut stream = counter.to_be_bytes().into();
        cipher.encrypt_block(&mut stream);
        hidden.extend(chunk.iter().zip(stream).map(|(byte, mask)| byte ^ mask));
        counter = counter.wrapping_add(1);
    }
    let mut masked = *GenericArray::from_slice(&nonce);
    Aes128::new(GenericArray::from_slice(&mac[..16])).encrypt_block(&mut masked);
    let one_time = [&mac[16..], masked.as_slice()].concat();
    let proof = Poly1305::new(GenericArray::from_slice(&one_time)).compute_unpadded(&hidden);
    [&nonce[..], &hidden, proof.as_slice()].concat()
}
