//! Bare signatures and hashes, by the libraries that the core uses.

use super::{Cost, Floor};
use crate::cpu;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::pbkdf2;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::Duration;

/// Bytes that are signed: an access token's head and claims.
const SIGNED: usize = 700;

/// Keys and memory, made once.
pub(crate) struct Crypto {
    pair: RsaKeyPair,
    public: ParsedPublicKey,
    signature: Vec<u8>,
    random: SystemRandom,
    memory: Vec<Block>,
}

impl Crypto {
    pub(crate) fn new() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref()).unwrap();
        let signature = vec![0; pair.public_modulus_len()];
        Self { pair, public, signature, random: SystemRandom::new(), memory: Vec::new() }
    }

    /// `None` for what belongs to the database.
    pub(crate) fn measure(&mut self, floor: Floor) -> Option<Cost> {
        let message = [b'a'; SIGNED];
        match floor {
            Floor::Sign => Some(each(60, || self.sign(&message))),
            Floor::Verify => {
                self.sign(&message);
                Some(each(600, || self.public.verify_sig(black_box(&message), &self.signature).unwrap()))
            }
            Floor::Hash => Some(each(8, || self.hash(87_795, 2))),
            Floor::CheapHash => Some(each(600, || self.hash(8, 1))),
            Floor::TokenKey => Some(each(200, derive_token_key)),
            _ => None,
        }
    }

    fn sign(&mut self, message: &[u8]) {
        self.pair.sign(&RSA_PKCS1_SHA256, &self.random, black_box(message), &mut self.signature).unwrap();
    }

    fn hash(&mut self, memory_kb: u32, lanes: u32) {
        let params = Params::new(memory_kb, 1, lanes, Some(32)).unwrap();
        let count = params.block_count();
        if self.memory.len() < count {
            self.memory.resize(count, Block::new());
        }
        let mut out = [0; 32];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(
                b"a long Password 1",
                &[7; 16],
                &mut out,
                &mut self.memory[..count],
            )
            .unwrap();
        black_box(out);
    }
}

/// PBKDF2 with the length of an app's key, the rounds and the salt of the protocol.
fn derive_token_key() {
    let (mut key, rounds) = ([0; 32], NonZeroU32::new(100).unwrap());
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA512, rounds, black_box(&[7; 12]), &[b'a'; 262], &mut key);
    black_box(key);
}

/// Hashes have threads of their own, so the whole process counts; nothing else runs in it meanwhile.
fn each(number: usize, mut work: impl FnMut()) -> Cost {
    work();
    let before = cpu::of_this_process();
    for _ in 0..number {
        work();
    }
    Cost::each(cpu::of_this_process().saturating_sub(before), Duration::ZERO, number)
}
